"""What is known of domain names: the endings that mark one in running text, and the hosts that hide where they lead."""

from __future__ import annotations


def listed(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


ENDINGS = listed(
    """
    com net org one ink edu gov mil int info biz name mobi asia jobs travel museum coop aero post tel cat xxx arpa
    xyz online site website store shop club vip icu top win bid loan click link live life world today news media blog
    wiki page pages app dev tech cloud host space press email chat social network agency studio design digital group
    company business center solutions services systems support events team works tools zone pro plus run fun best cool
    buzz rocks lol wtf porn sex sexy adult cam dating tube games game bet casino poker money cash fund finance credit
    market trade trading investments exchange crypto bitcoin pharmacy health care clinic law legal university school
    academy training education science guru ninja expert review reviews report rest pub bar pizza coffee beer wine
    fashion fit yoga photo photos pics video movie music film band art gallery house homes land city town africa berlin
    hamburg koeln bayern wien paris london nyc tokyo moscow swiss scot wales cymru irish eus gal bzh quebec amsterdam
    foundation charity church bible faith party vote gop democrat republican direct directory download stream
    accountant cricket date men racing science kim work monster quest cyou cfd sbs beauty hair makeup skin mom autos
    ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd
    cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gd ge
    gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh
    ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw
    mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb
    sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk
    us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
    рф рус москва дети онлайн сайт орг ком укр бел срб мкд бг қаз ελ ευ հայ გე 中国 中國 公司 网络 网址 香港 台灣 台湾
    新加坡 澳門 한국 닷컴 닷넷 コム みんな 世界 ไทย भारत ভারত مصر السعودية امارات ایران المغرب الاردن شبكة موقع ישראל
    """
)
"""Top-level domains that are met in comments, out of IANA's root zone database; the rest needs `www.` or a scheme."""

WORDS = listed(
    """
    one ink
    int name jobs travel museum post tel cat online site website store shop club vip top win bid loan click link live
    life world today news media blog wiki page pages app tech cloud host space press email chat social network agency
    studio design digital group company business center solutions services systems support events team works tools
    zone pro plus run fun best cool buzz rocks sex sexy adult cam dating tube games game bet casino poker money cash
    fund finance credit market trade trading investments exchange pharmacy health care clinic law legal university
    school academy training education science guru ninja expert review reviews report rest pub bar pizza coffee beer
    wine fashion fit yoga photo photos pics video movie music film band art gallery house homes land city town africa
    berlin hamburg paris london tokyo moscow swiss wales irish foundation charity church bible faith party vote gop
    democrat republican direct directory download stream accountant cricket date men racing work monster quest beauty
    hair makeup skin mom autos info lol wtf
    ac ad ae ag al am an ar as at be by cc co do er es et eg gb gm id ie il im in is it la li ma md me mm mo mr ms mu
    my na ne ni no nu om pa pm ps py re rs sh si so ss st su td to us va vs ws ye сайт онлайн москва дети ком рус հայ
    世界 中国 中國 公司 网络 网址 香港 台灣 台湾 新加坡 澳門 한국 みんな ไทย भारत ভারত
    مصر السعودية امارات ایران المغرب الاردن شبكة موقع ישראל
    """
)
"""Endings that are words, abbreviations or file names as well: `about.it` is mostly a forgotten space."""

SHORTENERS = listed(
    """
    adf.ly b.link bc.vc bit.do bit.ly bitly.com bl.ink buff.ly chilp.it clck.ru cli.gs cutt.ly cutt.us db.tt dlvr.it
    fur.ly gg.gg goo.gl gplinks.in hyperurl.co is.gd j.mp linktr.ee lnkd.in lnk.to me2.do moourl.com murl.kz ouo.io
    ow.ly po.st q.gs qps.ru qr.ae qr.net rb.gy rebrand.ly s.id scrnch.me sh.st short.cm short.gy short.io shorte.st
    shorturl.at shrtco.de smarturl.it snip.ly snipurl.com soo.gd su.pr surl.li t.co t.ly t2m.io tiny.cc tiny.one
    tiny.pl tinyurl.com tr.im tr.ee trib.al u.to ulvis.net url.ie urlz.fr urlzs.com v.gd v.ht vk.cc vo.la x.co y2u.be
    zpr.io
    """
)
"""Services that lead anywhere, so that a reader cannot see where."""

KNOWN = SHORTENERS | listed("amzn.to discord.gg fb.me nyti.ms t.me wa.me wapo.st youtu.be")
"""Hosts under an ending in `WORDS` that are hosts all the same."""
