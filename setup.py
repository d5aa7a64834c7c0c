"""Which packages the wheel holds, and where; everything else about it stands in pyproject.toml.

The wheel's only top-level package is `klaviyo_destination`, so installing the command never shadows
another project's `handler` or `preview`. The packages that the command imports by those names lie
below `klaviyo_destination/bundled/`, and only the command's own process looks for them there
(`installed/klaviyo_destination/__main__.py`).
"""

from setuptools import find_packages, setup

COMMAND = "klaviyo_destination"
BUNDLED = f"{COMMAND}.bundled"
"""No folder of the checkout: the wheel only."""

FROM = {
    "src": find_packages("src"),
    ".": find_packages(".", include=["cli", "cli.*", "preview", "preview.*"]),
}
"""Folders of the checkout, and the packages in each that the command imports."""

setup(
    packages=[
        COMMAND,
        *(f"{BUNDLED}.{package}" for packages in FROM.values() for package in packages),
    ],
    package_dir={
        COMMAND: f"installed/{COMMAND}",
        **{
            f"{BUNDLED}.{package}": f"{folder}/{package.replace('.', '/')}"
            for folder, packages in FROM.items()
            for package in packages
        },
    },
    package_data={COMMAND: ["py.typed"]},
)
