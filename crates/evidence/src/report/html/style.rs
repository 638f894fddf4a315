//! The style of every page: light and dark, wide and narrow, screen and paper.

/// The whole style sheet.
pub(super) const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#57606a;--paper:#ffffff;--panel:#f6f8fa;--line:#d0d7de;
--pass:#116329;--fail:#b3261e;--unproven:#8a5a00;--organic:#1f6feb;--injected:#d1570a;--mark:#6e40c9}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9aa4af;--paper:#0d1117;--panel:#161b22;--line:#30363d;
--pass:#56d364;--fail:#ff7b72;--unproven:#e3b341;--organic:#58a6ff;--injected:#ffa657;--mark:#bc8cff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:1rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;overflow-wrap:break-word}main{overflow-x:auto}code{overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}
p{margin:.4rem 0}.dim{color:var(--dim)}code,.mono{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.9em}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.6rem;overflow-x:auto;white-space:pre-wrap}
.verdict{border:1px solid var(--line);border-left:.5rem solid var(--dim);border-radius:6px;background:var(--panel);
padding:.6rem 1rem;margin:1rem 0}.verdict strong{font-size:1.3rem}
.pass{color:var(--pass)}.fail{color:var(--fail);font-weight:600}.unproven{color:var(--unproven);font-weight:600}
.not_exercised{color:var(--dim)}
.verdict.pass{border-left-color:var(--pass);color:var(--ink)}.verdict.fail{border-left-color:var(--fail);color:var(--ink);font-weight:400}
.verdict.unproven{border-left-color:var(--unproven);color:var(--ink);font-weight:400}
.verdict.pass strong{color:var(--pass)}.verdict.fail strong{color:var(--fail)}.verdict.unproven strong{color:var(--unproven)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .5rem;border-bottom:1px solid var(--line)}
th{color:var(--dim);font-weight:600;white-space:nowrap}td .pass,td .fail,td .unproven,td .not_exercised{white-space:nowrap}td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th.n{text-align:right}
svg{display:block;width:100%;height:auto;margin:.5rem 0;background:var(--panel);border:1px solid var(--line);border-radius:6px}
svg text{fill:var(--dim);font:12px system-ui,sans-serif}svg .axis{stroke:var(--line)}svg .organic{fill:var(--organic)}
svg .injected{fill:var(--injected)}svg .mark{stroke:var(--mark);stroke-width:1.5}svg text.mark{fill:var(--mark);stroke:none}
svg .band{fill:var(--mark);opacity:.18}svg .refused{fill:none;stroke:var(--fail);stroke-width:2}svg .wire{stroke:var(--line);stroke-width:2}
.wide{overflow-x:auto}figure{margin:1rem 0}summary{cursor:pointer;color:var(--dim)}svg .grid{stroke:var(--line)}
svg path{fill:none;stroke-width:1.6}path.a{stroke:var(--organic)}path.b{stroke:var(--injected)}path.c{stroke:var(--fail)}path.d{stroke:var(--mark)}
span.a{color:var(--organic)}span.b{color:var(--injected)}span.c{color:var(--fail)}span.d{color:var(--mark)}.legend{color:var(--dim)}
.key{display:inline-block;width:.8em;height:.8em;border-radius:50%;margin:0 .3em 0 .8em}
.key.organic{background:var(--organic)}.key.injected{background:var(--injected)}
@media (max-width:40rem){body{padding:.6rem}table.stack thead{display:none}
table.stack,table.stack tbody,table.stack tr,table.stack td{display:block;width:100%}
table.stack tr{border-bottom:1px solid var(--line);padding:.4rem 0}
table.stack td{border:0;padding:.1rem 0;text-align:left;white-space:normal;display:flex;gap:.5rem}
table.stack td::before{content:attr(data-label);color:var(--dim);flex:0 0 7rem}
table.stack td:empty{display:none}svg text{font-size:20px}}
@media print{:root{--ink:#000;--dim:#333;--paper:#fff;--panel:#fff;--line:#999;--pass:#116329;--fail:#b3261e;--unproven:#8a5a00;
--organic:#1f6feb;--injected:#d1570a;--mark:#6e40c9}body{max-width:none;font-size:11pt;padding:0}
tr,svg,.verdict{break-inside:avoid}h2{break-after:avoid}}
";
