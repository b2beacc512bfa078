"""What is held: the book of all accounts in tables, and a portfolio, the view of one account."""

from crossmargin.portfolio.accounts import Account, Accounts
from crossmargin.portfolio.book import Book
from crossmargin.portfolio.portfolio import Order, Portfolio, Position

__all__ = ["Account", "Accounts", "Book", "Order", "Portfolio", "Position"]
