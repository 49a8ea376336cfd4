"""Programs that look at links before, beside or instead of the person whom they are for, as they introduce themselves.

Names and headers are what the vendors document or what logs of web servers show of them; the comment says what each is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PasserBy:
    """One program: how it asks, and under what name."""

    name: str
    agent: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        return {"User-Agent": self.agent, **self.headers}


_CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
_EDGE = f"{_CHROME} Edg/140.0.0.0"
_SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15"
_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
_CHAT = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; {}) Chrome/140.0.0.0 Safari/537.36"

PASSERS_BY = (
    # Scanners of mail: they fetch every link of a letter, some as an ordinary browser.
    PasserBy("Safe Links", _EDGE, headers={"X-Forwarded-For": "40.94.20.1", "Accept-Language": "en-US"}),
    PasserBy("Safe Links, HEAD first", "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)", "HEAD"),
    PasserBy("Proofpoint URL Defense", _CHROME, headers={"Accept": "*/*"}),
    PasserBy("Mimecast", "Mozilla/5.0 (Windows NT 6.1; WOW64; rv:40.0) Gecko/20100101 Firefox/40.1"),
    PasserBy("Barracuda", "Barracuda Sentinel (EE)"),
    PasserBy("Cisco IronPort", "Mozilla/5.0 (compatible; Cisco IronPort)", "HEAD"),
    PasserBy("Trend Micro", "TMUFE"),
    PasserBy("FortiGuard", "Mozilla/5.0 (compatible; FortiGuard URL scanner)"),
    PasserBy("Sophos", "SophosXL/1.0"),
    PasserBy("Symantec click-time", "Symantec Web Security", headers={"Range": "bytes=0-1023"}),
    # Antivirus programs and proxies on the way.
    PasserBy("Bitdefender", "Bitdefender Scan", headers={"Range": "bytes=0-0"}),
    PasserBy("Kaspersky", "Mozilla/5.0 (compatible; KasperskyLab)", "OPTIONS"),
    PasserBy("ESET", "ESET Link Guard", headers={"If-None-Match": "*"}),
    PasserBy("BlueCoat", "Mozilla/5.0 (compatible; BlueCoat ProxyAV)", headers={"Via": "1.1 proxysg"}),
    PasserBy(
        "Zscaler", "Zscaler SMA", "OPTIONS", {"Access-Control-Request-Method": "POST", "Origin": "https://x.example"}
    ),
    # Previews of chats and social networks.
    PasserBy("Slack", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", headers={"Range": "bytes=0-32767"}),
    PasserBy("Slack image proxy", "Slack-ImgProxy (+https://api.slack.com/robots)", headers={"Accept": "image/*"}),
    PasserBy(
        "Teams", "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com"
    ),
    PasserBy("WhatsApp", "WhatsApp/2.23.20.0 A"),
    PasserBy("Telegram", "TelegramBot (like TwitterBot)"),
    PasserBy("Signal", "WhatsApp/2", headers={"Range": "bytes=0-1048575"}),
    PasserBy("iMessage", f"{_SAFARI} facebookexternalhit/1.1 Facebot Twitterbot/1.0"),
    PasserBy("Discord", "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"),
    PasserBy("Facebook", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"),
    PasserBy("X", "Twitterbot/1.0"),
    PasserBy("LinkedIn", "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)"),
    PasserBy("Mattermost", "mattermost-bot-1.1", headers={"Accept": "text/html, application/json+oembed"}),
    PasserBy("Google Chat", _CHAT.format("Google-PageRenderer")),
    PasserBy("Embedly", "Mozilla/5.0 (compatible; Embedly/0.2; +http://support.embed.ly/)"),
    # Engines that search, archive and train.
    PasserBy("Googlebot", _CHAT.format("Googlebot/2.1; +http://www.google.com/bot.html")),
    PasserBy("bingbot", _CHAT.format("bingbot/2.0; +http://www.bing.com/bingbot.htm")),
    PasserBy("Yandex", "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "HEAD"),
    PasserBy(
        "Internet Archive", "Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)"
    ),
    PasserBy("GPTBot", _CHAT.format("GPTBot/1.2; +https://openai.com/gptbot")),
    # Browsers that fetch ahead of the person.
    PasserBy("Chrome, prefetch", _CHROME, headers={"Sec-Purpose": "prefetch", "Sec-Fetch-Mode": "no-cors"}),
    PasserBy(
        "Chrome, speculation rules",
        _CHROME,
        headers={"Sec-Purpose": "prefetch;prerender", "Sec-Speculation-Tags": '"mail"', "Sec-Fetch-Dest": "document"},
    ),
    PasserBy("Chrome, private prefetch proxy", _CHROME, headers={"Sec-Purpose": "prefetch;anonymous-client-ip"}),
    PasserBy("Firefox, prefetch", _FIREFOX, headers={"X-Moz": "prefetch"}),
    PasserBy("Safari, top hit", _SAFARI, headers={"X-Purpose": "preview", "Purpose": "prefetch"}),
    # Watchers, and whoever writes a program in a hurry.
    PasserBy("monitoring", "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "HEAD"),
    PasserBy("urlscan", _CHROME, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}),
    PasserBy("htmx of another page", _CHROME, headers={"HX-Request": "true", "HX-Current-URL": "https://x.example"}),
    PasserBy("curl", "curl/8.14.1", headers={"Content-Type": "application/x-www-form-urlencoded"}),
    PasserBy("Python", "python-requests/2.32", headers={"Accept": "application/json"}),
    PasserBy("no name", "", headers={"Accept": ""}),
)
