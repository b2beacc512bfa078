"""What is held: the book of all accounts in tables, and a portfolio, the view of one account."""

from crossmargin.portfolio.book import Account, Book
from crossmargin.portfolio.portfolio import Order, Portfolio, Position

__all__ = ["Account", "Book", "Order", "Portfolio", "Position"]
