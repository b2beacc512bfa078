"""The pages of the studies: prose by hand, and tables between marks that a run makes anew."""


def written(page, parts):
    """The page with what stands between each pair of marks made anew."""
    for name, part in parts.items():
        start, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        page = page.split(start)[0] + start + part + end + page.split(end)[1]
    return page
