"""What of a URL is refused at once, trick by trick; that two parsers read the same host; and what is sent of a URL."""

import random
from ipaddress import ip_network
from urllib.parse import urlsplit

import httpx
import pytest

from tasks.outbound.networks import Network
from tasks.outbound.resolver import Resolver
from tasks.outbound.url_policy import (
    BLOCKED_PORTS,
    MAX_URL_CHARS,
    OutboundUrl,
    check_reachable,
    check_url,
    own_hosts,
)
from tasks.refusal import Refusal
from tests.support.network.nameserver import NameServer
from tests.tasks.outbound.conftest import LOOPBACK, words

PUBLIC = "93.184.216.34"


def refused(url: str, *, networks: tuple[Network, ...] = (), http: bool = True, own: tuple[str, ...] = ()) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_url(url, http_allowed=http, networks=networks, own_hosts=own)
    assert caught.value.field == "url"
    return caught.value


def good(url: str, *, networks: tuple[Network, ...] = (), http: bool = False, own: tuple[str, ...] = ()) -> OutboundUrl:
    return check_url(url, http_allowed=http, networks=networks, own_hosts=own)


GOOD = {
    "https://example.com": ("example.com", 443),
    "https://example.com/a/path?with=a&query": ("example.com", 443),
    "https://EXAMPLE.com:443/x": ("example.com", 443),
    "https://example.com:8443/": ("example.com", 8443),
    "https://example.com:80/": ("example.com", 80),
    "https://a_b.example-1.co.uk/": ("a_b.example-1.co.uk", 443),
    "https://faß.de/ä?q=ü": ("xn--fa-hia.de", 443),
    "https://xn--fa-hia.de/": ("xn--fa-hia.de", 443),
    "https://127-0-0-1.example.com/": ("127-0-0-1.example.com", 443),
    "https://1.example.com/@x": ("1.example.com", 443),
    "https://bücher.example/": ("xn--bcher-kva.example", 443),
    "https://bu\u0308cher.example/": ("xn--bcher-kva.example", 443),  # decomposed, as macOS has names
    "https://BÜCHER.example/": ("xn--bcher-kva.example", 443),
    "https://example.com./": ("example.com", 443),
    "https://example.com.:8443/": ("example.com", 8443),
    "https://example.com:81/": ("example.com", 81),
    "https://example.com:1023/": ("example.com", 1023),
    "https://example.com:6379/": ("example.com", 6379),
    "https://example.com:9200/": ("example.com", 9200),
    f"https://{PUBLIC}/": (PUBLIC, 443),
    "https://[2606:4700:4700::1111]:8443/": ("2606:4700:4700::1111", 8443),
    "https://example.com/%00%0d%0a": ("example.com", 443),
}


@pytest.mark.parametrize("url", GOOD)
def test_a_plain_url_is_dialled_as_it_reads(url: str) -> None:
    host, port = GOOD[url]
    checked = good(url)
    assert (checked.scheme, checked.host, checked.port) == ("https", host, port)
    read = urlsplit(str(checked))
    assert ((read.hostname or "").removesuffix("."), read.port or 443) == (host, port)
    assert good(str(checked)) == checked


SENT = {
    "https://example.com": "/",
    "https://example.com?x=1": "/?x=1",
    "https://example.com/": "/",
    "https://example.com/a%2Fb?x=1+2": "/a%2Fb?x=1+2",
    "https://example.com/a|b?c|d": "/a|b?c|d",
    "https://example.com/a/../b//c/./d": "/a/../b//c/./d",
    "https://example.com/%7euser/%c3%bc": "/%7euser/%c3%bc",
    "https://example.com/%ZZ/%?a=%&b=%2": "/%25ZZ/%25?a=%25&b=%252",
    "https://example.com/p?sp=%2Ftriggers%2Frun&sig=a%2Bb%2Fc%3D": "/p?sp=%2Ftriggers%2Frun&sig=a%2Bb%2Fc%3D",
    "https://example.com/a%40b/a%3Bb/%3A%2C/%7Euser": "/a%40b/a%3Bb/%3A%2C/%7Euser",
    "https://example.com/p?a=%2C%24%40%21%27%28%29%2A&b=%3d%3d": "/p?a=%2C%24%40%21%27%28%29%2A&b=%3d%3d",
    "https://example.com/%E4%BD%A0/你/😀": "/%E4%BD%A0/%E4%BD%A0/%F0%9F%98%80",
    "https://example.com/p?a=1&a=2&b&=&&": "/p?a=1&a=2&b&=&&",
    'https://example.com/\'(!)*;,&=$?a[]={"b"}&c=<d>^`~': '/\'(!)*;,&=$?a[]={"b"}&c=<d>^`~',
    "https://example.com/?": "/?",
    "https://EXAMPLE.com:8443/A?u=https://b/@c": "/A?u=https://b/@c",
    "https://faß.de/ä?q=ü": "/%C3%A4?q=%C3%BC",
}


@pytest.mark.parametrize("url", SENT)
def test_path_and_query_are_sent_as_given_and_encoded_once(url: str) -> None:
    checked = good(url)
    assert checked.target == SENT[url]
    assert str(checked).endswith(SENT[url])
    assert good(str(checked)).target == SENT[url]


def test_the_host_header_has_a_dot_and_a_port_that_were_given() -> None:
    given = (
        "https://EXAMPLE.com.:8443/ https://example.com:443/ http://example.com:443/ https://[2606:4700:4700::1111]/"
    )
    assert [good(url, http=True).authority for url in words(given)] == [
        *("example.com.:8443", "example.com", "example.com:443", "[2606:4700:4700::1111]"),
    ]


@pytest.mark.parametrize(
    "host",
    [
        "xn--ls8h.la",
        "xn--abc.example.com",
        "xn--a.example.com",
        "😀.example",
        "a.xn--.com",
        "xn--21307064332130706433evil.com",
    ],
)
def test_a_name_that_idna_does_not_allow_is_refused_at_once(host: str) -> None:
    assert "IDNA 2008" in refused(f"https://{host}/").message


ODD = {
    # schemes
    "another scheme": "gopher://example.com/",
    "a file": "file:///etc/passwd",
    "a scheme of data": "data:text/plain,x",
    "no scheme": "example.com",
    "no scheme but slashes": "//example.com/",
    "a scheme without slashes": "https:example.com",
    "a scheme with one slash": "https:/example.com",
    # parsers disagree
    "a backslash before an at": "http://example.com\\@127.0.0.1/",
    "a backslash": "https://example.com\\evil.example",
    "a backslash in the path": "https://example.com/a\\b",
    "a user": "https://user@example.com/",
    "a user and a password": "https://user:password@example.com/",
    "an empty user": "https://@example.com/",
    "a host as user": "https://example.com@127.0.0.1/",
    "nothing after the user": "https://example.com@",
    "a fragment": "https://example.com/#part",
    "a fragment before an at": "https://example.com#@127.0.0.1/",
    "a space in the host": "https://exa mple.com/",
    "a space before": " https://example.com/",
    "a space after": "https://example.com/ ",
    "a space in the path": "https://example.com/a b",
    "a tab": "https://ex\tample.com/",
    "a line feed": "https://example.com/\nHost: evil",
    "a carriage return": "https://example.com/\r\n\r\nGET / HTTP/1.1",
    "a null": "https://example.com/\0",
    "a no-break space": "https://example.com/\u00a0",
    "a zero-width space": "https://exam\u200bple.com/",
    "a right-to-left mark": "https://example.com/\u202egnp.exe",
    "percent in the host": "https://exa%6dple.com/",
    "percent for dots": "https://127%2e0%2e0%2e1/",
    "no host": "https:///path",
    "nothing": "",
    "a scheme alone": "https://",
    "a port alone": "https://:443/",
    "an empty label": "https://example..com/",
    "two dots after": "https://example.com../",
    "a dot alone": "https://./",
    "a zone": "https://[fe80::1%25eth0]/",
    "a zone, plainly": "https://[fe80::1%eth0]/",
    "an open bracket": "https://[::1",
    "IPv4 in brackets": "https://[1.2.3.4]/",
    "an address of the future": "https://[v1.x]/",
    "a bracket in the name": "https://exam[ple.com/",
    "a bar": "https://example.com|evil.example/",
    "a caret": "https://exam^ple.com/",
    "a star": "https://*.example.com/",
    "a comma": "https://example.com,evil.example/",
    "a label that begins with a hyphen": "https://-.example.com/",
    "a long label": f"https://{'a' * 64}.com/",
    "a long name": f"https://{'a.' * 127}com/",
    # numeric hosts
    "a decimal": "https://2130706433/",
    "octal": "https://0177.0.0.1/",
    "octal, short": "https://0177.1/",
    "hexadecimal": "https://0x7f000001/",
    "hexadecimal, short": "https://0x7f.1/",
    "hexadecimal at the end": "https://127.0.0.0x1/",
    "0x alone": "https://127.0.0.0x/",
    "two numbers": "https://127.1/",
    "three numbers": "https://127.0.1/",
    "five numbers": "https://1.2.3.4.5/",
    "a number too large": "https://1.2.3.256/",
    "zero": "https://0/",
    "circled digits": "https://①②⑦.⓪.⓪.①/",
    "a number at the end": "https://example.com.1/",
    # ports
    "port 0": "https://example.com:0/",
    "port 22": "https://example.com:22/",
    "port 25": "https://example.com:25/",
    "port 65536": "https://example.com:65536/",
    "port 99999": "https://example.com:99999/",
    "a port of X11": "https://example.com:6000/",
    "a port of IRC": "https://example.com:6667/",
    "a signed port": "https://example.com:+443/",
    "a negative port": "https://example.com:-443/",
    "a port in other digits": "https://example.com:٤٤٣/",
    "an empty port": "https://example.com:/",
    "two ports": "https://example.com:443:80/",
    # local names
    "localhost": "https://localhost/",
    "a single label": "https://redis/",
    "a name under localhost": "https://app.localhost/",
    "a name under local": "https://printer.local/",
    "a name under internal": "https://metadata.google.internal/",
    "a name under home.arpa": "https://nas.home.arpa/",
    "a local name in capitals": "https://PRINTER.LOCAL/",
}


@pytest.mark.parametrize("trick", ODD)
def test_an_odd_url_is_refused(trick: str) -> None:
    refusal = refused(ODD[trick])
    assert refusal.code == "invalid_url"


def test_ideographic_dots_are_read_as_dots_and_the_address_judged() -> None:
    assert refused("https://127。0。0。1/").code == "address_refused"
    assert good("https://example。com/").host == "example.com"


INSIDE = words("""
    127.0.0.1 0.0.0.0 10.1.2.3 169.254.169.254 100.100.100.200 168.63.129.16 [::1] [::] [::ffff:127.0.0.1]
    [64:ff9b::7f00:1] [fd00:ec2::254] [2002:7f00:1::] [fe80::1]
""")


@pytest.mark.parametrize("host", INSIDE)
def test_a_literal_address_is_judged_at_once_in_the_same_words(host: str) -> None:
    refusal = refused(f"https://{host}/")
    assert refusal.code == "address_refused"
    assert refusal.message == refused("https://192.168.0.1/").message
    assert "OUTBOUND_NETWORKS" in refusal.message


def test_a_named_network_lets_its_addresses_and_local_names_through_but_no_metadata() -> None:
    for host in ("127.0.0.1", "[::1]", "localhost", "redis", "app.internal"):
        assert good(f"http://{host}:9000/", networks=LOOPBACK, http=True).port == 9000
    assert refused("http://10.0.0.1/", networks=LOOPBACK).code == "address_refused"
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    for host in ("169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]"):
        assert refused(f"http://{host}/", networks=everything).code == "address_refused"


def test_http_has_to_be_allowed() -> None:
    assert good("http://example.com/", http=True).scheme == "http"
    assert "https://" in (message := refused("http://example.com/", http=False).message)
    assert "OUTBOUND_HTTP" in message


def test_a_local_name_is_refused_with_the_setting_that_allows_it() -> None:
    assert "OUTBOUND_NETWORKS" in refused("https://localhost/").message


def test_a_long_url_is_refused_and_says_how_long_it_may_be() -> None:
    url = "https://example.com/".ljust(MAX_URL_CHARS, "x")
    assert str(good(url)) == url
    assert refused(url + "x").limit == MAX_URL_CHARS
    assert refused(url[:-1] + "ü").limit == MAX_URL_CHARS


@pytest.mark.parametrize("port", sorted(BLOCKED_PORTS))
def test_a_blocked_port_is_refused_even_on_named_networks(port: int) -> None:
    assert refused(f"http://127.0.0.1:{port}/", networks=LOOPBACK).code == "invalid_url"


def test_nobody_sends_us_to_ourselves() -> None:
    own = own_hosts("https://Pressroom.example.com:8443/base")
    assert own == ("pressroom.example.com",)
    for url in words(
        "https://pressroom.example.com/v1/events https://PRESSROOM.example.com:8443/ https://pressroom.example.com./"
    ):
        assert "this service itself" in refused(url, own=own).message
    assert good("https://other.example.com/", own=own).host == "other.example.com"
    for nobody_else in (None, "http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"):
        assert own_hosts(nobody_else) == ()


def test_no_mixture_of_tricks_leads_elsewhere_than_it_reads() -> None:
    """Whatever is put together of pieces that parsers trip over: it is refused, or two parsers read the same host."""
    pieces = words("""
        example.com 127.0.0.1 evil.example localhost [::1] 2130706433 0x7f.1 xn-- ① 。 K ß @ : / \\ # ? % %2f %40 .. . -
        [ ] :443 :80 :0 :65536 // https:// http: user:pw@ ; & = + * | ^ `
    """)
    pieces += [" ", "\t", "\n", "\0", "\u200b"]
    chance, through = random.Random(4), 0  # noqa: S311 - no secret
    for _ in range(20_000):
        url = "https://" + "".join(chance.choices(pieces, k=chance.randint(1, 5)))
        try:
            parsed = good(url, networks=LOOPBACK)
        except Refusal:
            continue
        through += 1
        read, host = urlsplit(str(parsed)), parsed.host
        assert ((read.hostname or "").removesuffix("."), read.port or 443, read.scheme) == (
            host,
            parsed.port,
            "https",
        ), url
        other = httpx.URL(str(parsed))
        assert (other.raw_host.decode().removesuffix("."), other.port or 443) == (host, parsed.port), url
        assert read.username is None, url
        assert host.isascii(), url
        assert host == "::1" or set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_."), url
    assert through > 100


async def test_a_host_that_cannot_be_reached_is_refused_where_it_is_named(names: NameServer) -> None:
    names.say("good.example", [PUBLIC])
    names.say("inside.example", ["10.0.0.7"])
    names.say("mixed.example", [PUBLIC, "127.0.0.1"])
    names.fail("unknown.example")
    resolver = Resolver(timeout_s=2, nameservers=(names.address,))

    async def code_of(url: str) -> str:
        with pytest.raises(Refusal) as caught:
            await check_reachable(good(url), resolver)
        assert caught.value.field == "url"
        assert "10.0.0.7" not in caught.value.message
        return caught.value.code

    await check_reachable(good("https://good.example/"), resolver)
    assert await code_of("https://inside.example/") == "address_refused"
    assert await code_of("https://mixed.example/") == "address_refused"
    assert await code_of("https://unknown.example/") == "dns_failed"
    asked = len(names.asked)
    await check_reachable(good(f"https://{PUBLIC}/"), resolver)
    assert len(names.asked) == asked
    await resolver.close()
