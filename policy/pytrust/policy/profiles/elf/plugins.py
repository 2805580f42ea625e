"""What a program loads while it runs, as far as files tell: named libraries, name services, and modules of its kind."""

from __future__ import annotations

import re
from typing import Final

from pytrust.policy.profiles.elf.dynamic import Dynamic
from pytrust.policy.profiles.elf.module import Module
from pytrust.policy.profiles.elf.search import Libraries
from pytrust.policy.profiles.elf.tree import FileTree, resolve
from pytrust.trust.limits import IMAGE_DOCUMENT_MAX_BYTES

LOADS: Final = ("dlopen", "dlmopen", "__libc_dlopen_mode", "lt_dlopen", "lt_dlopenext")
_ENDING: Final = re.compile(rb"\.so(?:\.[0-9.]{1,20})?\0")
_BEGINNING: Final = re.compile(rb"[\w./+-]*\Z")
_LONGEST: Final = 200  # characters of a library's name
_NSSWITCH: Final = "/etc/nsswitch.conf"
_LOOKS_UP: Final = re.compile(
    r"get(?:pw|gr|sp|serv|proto|net|host|rpc|addrinfo|nameinfo|alias|ether|grouplist)\w*|initgroups"
)
_HOSTS: Final = {
    "Py_InitializeFromConfig": re.compile(r"PyInit_\w+"),
    "Py_BytesMain": re.compile(r"PyInit_\w+"),
    "perl_run": re.compile(r"boot_\w+"),
    "ruby_init": re.compile(r"Init_\w+"),
    "zend_startup": re.compile(r"get_module"),
    "lua_newstate": re.compile(r"luaopen_\w+"),
    "napi_module_register": re.compile(r"napi_register_module_v1|node_register_module_v[0-9]+"),
    "PostmasterMain": re.compile(r"Pg_magic_func"),
    "ngx_cycle": re.compile(r"ngx_modules"),
    "ap_hook_handler": re.compile(r"\w+_module"),
    "pam_start": re.compile(r"pam_sm_\w+"),
    "moduleLoad": re.compile(r"RedisModule_OnLoad"),
    "OSSL_PROVIDER_load": re.compile(r"OSSL_provider_init"),
    "sasl_server_init": re.compile(r"sasl_server_plug_init"),
    "sasl_client_init": re.compile(r"sasl_client_plug_init"),
}
"""A symbol that tells a program, and what the modules that it loads have."""


def loads_by_name(module: Module) -> bool:
    """It asks the linker for more."""
    return any(symbol.name in LOADS for symbol in module.dynamic.symbols if not symbol.address)


def named_libraries(module: Module) -> list[str]:
    """Names of libraries among its texts."""
    data, names = module.heads.data, set()
    for found in _ENDING.finditer(data):
        before = data[max(0, found.start() - _LONGEST) : found.start()]
        begins = _BEGINNING.search(before)
        if begins is not None and begins[0]:
            names.add((begins[0] + found[0][:-1]).decode("ascii", "replace"))
    return sorted(names)


def module_marks(names: set[str]) -> list[re.Pattern[str]]:
    """What the modules have that are loaded by a program with functions of these names."""
    return [mark for host, mark in _HOSTS.items() if host in names]


def marked(module: Dynamic, marks: list[re.Pattern[str]]) -> bool:
    """It is such a module."""
    names = [symbol.name for symbol in module.symbols if symbol.address]
    return any(mark.fullmatch(name) for mark in marks for name in names)


def name_services(tree: FileTree, libraries: Libraries) -> list[str]:
    """The libraries by which the C library looks up names; those of files and DNS are part of it today."""
    found = resolve(tree, _NSSWITCH)
    data = b"" if found is None else tree.read(found, IMAGE_DOCUMENT_MAX_BYTES)
    lines = (line.partition("#")[0].partition(":") for line in data.decode("utf-8", "replace").splitlines())
    words = {word for _, _, listed in lines for word in listed.split()}
    services = sorted(word for word in words | {"files", "dns"} if word.isalnum())  # no [NOTFOUND=return]
    return [] if libraries.musl else [f"libnss_{service}.so.2" for service in services]


def looks_up_names(names: set[str]) -> bool:
    """Some function of those asks for users, groups, hosts and the like."""
    return any(_LOOKS_UP.fullmatch(name) for name in names)
