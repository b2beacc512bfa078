/* Coefficients of exp, log and erfcx on their reduced ranges (minimax, found with mpmath). */
static const double VM_EXP[10] = {
    0x1.0000000000001p-1, 0x1.5555555555556p-3, 0x1.5555555553d37p-5, 0x1.11111111109a6p-7,
    0x1.6c16c1789d1d7p-10, 0x1.a01a01a7cebcdp-13, 0x1.a019b8ca26fcfp-16, 0x1.71de0d85293b8p-19,
    0x1.2891d4ffbb0f9p-22, 0x1.af390ba7e6f47p-26};
static const double VM_LOGP[21] = {
    -0x1.0000000000000p-1, 0x1.555555555555cp-2, -0x1.fffffffffff34p-3, 0x1.999999999772bp-3,
    -0x1.5555555561dddp-3, 0x1.249249261f2ccp-3, -0x1.fffffff7e955cp-4, 0x1.c71c70c1303cbp-4,
    -0x1.99999a6364b62p-4, 0x1.745d460eacbc4p-4, -0x1.55556c388aeddp-4, 0x1.3b0eda8f5d75cp-4,
    -0x1.248b2a78bff20p-4, 0x1.115b4daceee38p-4, -0x1.00b0e81fd59f4p-4, 0x1.dd3093b701211p-5,
    -0x1.b635ac30a3dacp-5, 0x1.bb08e0be73d94p-5, -0x1.fc84a09888c57p-5, 0x1.ceab3eecb74d9p-5,
    -0x1.8e8f5f6d78efbp-6};
static const double VM_ERFCX_N[19] = {
    0x1.3ccda0b5d5dc3p+0, -0x1.1f367683f896cp-3, 0x1.d5f29481470a5p-9, 0x1.510169d09053ap-4,
    -0x1.bda93099fa8e4p-4, 0x1.7a14188c3b28bp-4, -0x1.e0d0fa758c13ep-5, 0x1.d0b002bda0be8p-6,
    -0x1.3f603cbe173a1p-7, 0x1.cc3aac1d8a97fp-10, 0x1.34007c3b3d8f2p-12, -0x1.3049a2ccde732p-12,
    0x1.af9a1c554044ep-15, 0x1.7438fcaea3b51p-16, -0x1.7313b5493a29bp-17, 0x1.91be7cbffb2eap-22,
    0x1.d7a30128087b5p-19, 0x1.3587acb1df29fp-20, 0x1.f9c002ec8aa70p-24};
#define VM_ERFCX_A 3.75
