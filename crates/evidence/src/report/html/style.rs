//! The style of every page: light and dark, wide and narrow, screen and paper.

/// The whole style sheet.
pub(super) const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#59636e;--paper:#fff;--panel:#f6f8fa;--line:#d1d9e0;--soft:#eaeef2;
--pass:#116329;--fail:#b3261e;--unproven:#8a5a00;--failbg:#fff1f0;--unprovenbg:#fff8e6;--passbg:#eefbf1;
--organic:#1f6feb;--injected:#d1570a;--mark:#6e40c9;--link:#0a58ca}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9aa4af;--paper:#0d1117;--panel:#161b22;--line:#30363d;--soft:#21262d;
--pass:#56d364;--fail:#ff7b72;--unproven:#e3b341;--failbg:#2b1614;--unprovenbg:#2a2110;--passbg:#12261a;
--organic:#58a6ff;--injected:#ffa657;--mark:#bc8cff;--link:#79b8ff}}
*{box-sizing:border-box}html{scroll-behavior:smooth;scroll-padding-top:.5rem;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:66rem;padding:1rem 1.2rem 3rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25;margin:.1rem 0}h2{font-size:1.15rem;margin:2rem 0 .6rem}h3{font-size:1rem;margin:0 0 .2rem}
p,ul,ol{margin:.35rem 0}ul,ol{padding-left:1.2rem}a{color:var(--link)}.dim,.crumb{color:var(--dim)}.crumb{margin:0;font-size:.85rem}
code,pre{font-family:ui-monospace,Menlo,Consolas,'Liberation Mono',monospace;font-size:.87em}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;overflow-x:auto;white-space:pre-wrap;margin:.4rem 0}
.pass{color:var(--pass)}.fail{color:var(--fail);font-weight:600}.unproven{color:var(--unproven);font-weight:600}.not_exercised{color:var(--dim)}
.verdict{border:1px solid var(--line);border-left:.45rem solid var(--dim);border-radius:8px;padding:.7rem 1rem;margin:.9rem 0;
color:var(--ink);font-weight:400;background:var(--panel)}
.verdict.pass{border-color:var(--pass);background:var(--passbg)}.verdict.fail{border-color:var(--fail);background:var(--failbg)}
.verdict.unproven{border-color:var(--unproven);background:var(--unprovenbg)}
.verdict strong{font-size:1.25rem;margin-right:.4rem}.verdict.pass strong{color:var(--pass)}.verdict.fail strong{color:var(--fail)}
.verdict.unproven strong{color:var(--unproven)}.verdict ul{margin:.4rem 0}.verdict li a{font-weight:600}
.asked,.warnings{list-style:none;padding:0;margin:.7rem 0}
.asked li{border:1px dashed var(--injected);border-radius:6px;padding:.3rem .7rem;margin:.3rem 0}.asked b{color:var(--injected)}
.warnings li{background:var(--unprovenbg);border:1px solid var(--unproven);border-radius:6px;padding:.35rem .7rem;margin:.3rem 0}
.warnings b{color:var(--unproven)}.note{color:var(--dim)}
.tiles{display:flex;flex-wrap:wrap;gap:.5rem;margin:.8rem 0}.tiles div{flex:1 1 6.2rem;background:var(--panel);border:1px solid var(--line);
border-radius:8px;padding:.4rem .7rem}.tiles dt{color:var(--dim);font-size:.8rem}.tiles dd{margin:0;font-size:1.2rem;font-weight:600;font-variant-numeric:tabular-nums;white-space:nowrap}
.card{border:1px solid var(--line);border-left:.3rem solid var(--dim);border-radius:8px;padding:.6rem .9rem;margin:.6rem 0;color:var(--ink);font-weight:400}
.card.fail{border-left-color:var(--fail)}.card.unproven{border-left-color:var(--unproven)}.card:target{outline:2px solid var(--link)}
.card .figure{color:var(--fail)}.card.unproven .figure{color:var(--unproven)}.case{margin:.6rem 0 0;padding-top:.5rem;border-top:1px solid var(--soft)}
.finding code:nth-of-type(1){color:var(--fail)}
table{border-collapse:collapse;width:100%;font-size:.93rem}th,td{text-align:left;vertical-align:top;padding:.28rem .5rem;border-bottom:1px solid var(--soft)}
th{color:var(--dim);font-weight:600;white-space:nowrap;border-bottom-color:var(--line)}td.n{font-variant-numeric:tabular-nums;white-space:nowrap}.n{text-align:right}
.gates td:first-child,.gates .name{white-space:nowrap}.gates .target{max-width:14rem;overflow-wrap:normal}.gates .seen{color:var(--dim);width:40%}tr.fail,tr.unproven{font-weight:400;color:var(--ink)}
tr.pass,tr.not_exercised{color:var(--ink)}tr.fail .name{font-weight:600}.wide{overflow-x:auto}.wide th{white-space:normal;overflow-wrap:normal}.wide td:first-child{min-width:9rem;overflow-wrap:normal}table.stack td:first-child{min-width:9rem;overflow-wrap:normal}.open{margin:.25rem 0}.open:target{outline:2px solid var(--link)}
details{margin:.35rem 0}main>details{border:1px solid var(--line);border-radius:8px;padding:.45rem .8rem}
main>details[open]{padding-bottom:.8rem}summary{cursor:pointer}main>details>summary{font-weight:600}main>details>summary .dim{font-weight:400}
.row{border-top:1px solid var(--soft);padding:.3rem 0}.row:target{outline:2px solid var(--link)}.row .ruler{margin-left:.2rem}
.state{font-size:.85em;border:1px solid;border-radius:1em;padding:0 .5em;font-weight:400}
.chips{display:flex;flex-wrap:wrap;gap:.3rem;align-items:center}.chips input{position:absolute;opacity:0}
.chips label{border:1px solid var(--line);border-radius:1em;padding:0 .6em;cursor:pointer;font-size:.87rem}
.chips input:checked+label{background:var(--link);border-color:var(--link);color:var(--paper)}.chips input:focus-visible+label{outline:2px solid var(--link)}
figure{margin:1rem 0}figcaption{font-weight:600}figcaption .dim{font-weight:400}
.plot{display:grid;grid-template-columns:3.6rem 1fr;background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:.8rem 1.4rem .4rem .4rem;margin:.5rem 0;
font-size:.78rem;color:var(--dim);-webkit-print-color-adjust:exact;print-color-adjust:exact}
.plot .area{position:relative;height:13rem;border-left:1px solid var(--line);border-bottom:1px solid var(--line)}
.plot .ys{position:relative}.plot .ys span{position:absolute;right:.5rem;transform:translateY(50%);white-space:nowrap}
.xs{position:relative;height:1.5rem;font-size:.78rem;color:var(--dim)}.plot .xs{grid-column:2}.xs span{position:absolute;top:.25rem;transform:translateX(-50%);white-space:nowrap}
.xs .from{transform:none}.xs .to{transform:translateX(-90%)}.grid{position:absolute;left:0;right:0;border-top:1px solid var(--soft)}
.plot svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}.plot path{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
path.a{stroke:var(--organic)}path.b{stroke:var(--injected)}path.c{stroke:var(--fail)}path.d{stroke:var(--mark)}
.bar{position:absolute}.bar.organic,.dot.organic{background:var(--organic)}.bar.injected,.dot.injected{background:var(--injected)}
.mark{position:absolute;top:0;bottom:0;border-left:1.5px solid var(--mark)}.mark b{position:absolute;left:.3rem;color:var(--mark);font-style:normal;font-weight:600;white-space:nowrap;background:var(--panel);line-height:1.1;padding:0 .15rem}
.mark.left b{left:auto;right:.35rem}
.dot{position:absolute;width:7px;height:7px;margin:0 0 -3.5px -3.5px;border-radius:50%;opacity:.85}.dot.some{width:9px;height:9px;margin:0 0 -4.5px -4.5px}
.dot.many{width:11px;height:11px;margin:0 0 -5.5px -5.5px}.dot.refused{border:2px solid var(--fail);background:var(--panel);opacity:1}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.87rem;color:var(--dim)}.legend span::before{content:'';display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.4em;background:currentcolor}
.legend .organic,.legend .a{color:var(--organic)}.legend .injected,.legend .b{color:var(--injected)}.legend .c{color:var(--fail)}.legend .d{color:var(--mark)}
.ruler{margin:.3rem 1.2rem .1rem .5rem;-webkit-print-color-adjust:exact;print-color-adjust:exact}.track{position:relative;height:2.5rem;border-bottom:1px solid var(--line)}
.track>i{position:absolute;font-style:normal}.band{top:.95rem;bottom:0;background:var(--mark);opacity:.22;min-width:3px;border-radius:3px}
.band.missing{opacity:.5;background:repeating-linear-gradient(135deg,var(--fail) 0 2px,transparent 2px 6px)}
.held{top:1.55rem;height:.35rem;background:var(--dim);opacity:.6;border-radius:3px}
.try{top:1.72rem;width:12px;height:12px;margin:-6px 0 0 -6px;border-radius:50%;border:2.5px solid var(--fail);background:var(--paper)}.try.ok{background:var(--organic);border-color:var(--organic)}
.try b,.track .due b{position:absolute;bottom:.95rem;left:-.1rem;font-size:.78rem;font-weight:600;white-space:nowrap;color:var(--fail)}.try.ok b{color:var(--organic)}
.try b.end,.due b.end{left:auto;right:0}.due{top:.2rem;bottom:0;border-left:2px solid var(--fail)}.track .due b{bottom:auto;top:-.25rem;right:.3rem}
.attempts{list-style:none;padding:0;margin:.1rem 0 .3rem .5rem;display:flex;flex-wrap:wrap;gap:0 1.2rem;font-size:.85rem;color:var(--dim)}
.grade{display:inline-block;min-width:1.6em;text-align:center;border:1px solid;border-radius:.3em;font-weight:700}
@media (max-width:44rem){body{padding:.7rem .8rem 2rem;font-size:14px}h1{font-size:1.25rem}h2{margin:1.3rem 0 .4rem}.verdict strong{font-size:1.1rem}
.tiles{display:grid;grid-template-columns:repeat(3,1fr);gap:.35rem}.tiles div{padding:.2rem .45rem}.tiles dd{font-size:1rem}.plot{padding:.6rem .8rem .3rem .2rem;grid-template-columns:3.2rem 1fr}.plot .area{height:8rem}.xs .more,.wide .spare{display:none}
.wide th,.wide td{padding:.22rem .3rem}.wide td:first-child{min-width:5.5rem}.wide table{font-size:.8rem}
.card{padding:.45rem .6rem}.case{margin:.4rem 0 0;padding-top:.35rem}.gates thead,table.stack thead{display:none}.gates,.gates tbody{display:block}
.gates tr{display:flex;flex-wrap:wrap;gap:0 .5rem;padding:.15rem 0;border-bottom:1px solid var(--soft)}.gates td{border:0;padding:0}
.gates .name{flex:1 1 50%;white-space:normal}.gates td:first-child{flex:0 0 5.1rem}.gates .target,.gates .samples,.gates tr.pass .seen,.gates tr.fail .seen,.gates tr.unproven .seen{display:none}
.gates .seen{width:100%;flex:1 1 100%}.dot,.dot.some,.dot.many{width:5px;height:5px;margin:0 0 -2.5px -2.5px}
table.stack,table.stack tbody,table.stack tr,table.stack td{display:block;width:100%}
table.stack tr{border-bottom:1px solid var(--line);padding:.3rem 0}
table.stack td{border:0;padding:.05rem 0;text-align:left;white-space:normal;display:flex;gap:.5rem}
table.stack td::before{content:attr(data-label);color:var(--dim);flex:0 0 6.5rem}table.stack td:empty{display:none}}
@media print{:root{--ink:#000;--dim:#444;--paper:#fff;--panel:#fff;--line:#999;--soft:#ddd;--pass:#116329;--fail:#b3261e;--unproven:#8a5a00;
--failbg:#fff;--unprovenbg:#fff;--passbg:#fff;--organic:#1f6feb;--injected:#d1570a;--mark:#6e40c9;--link:#000}
body{max-width:none;font-size:10pt;padding:0}a{text-decoration:none}.chips{display:none}
details::details-content{content-visibility:visible!important;display:block!important;height:auto!important}
.row.plain::details-content{display:none!important}
.plot,figure,.case,.verdict,tr,pre,.row{break-inside:avoid}h2,h3,h2+p,h3+p,summary{break-after:avoid}.plot .area{height:9rem}
.legend{-webkit-print-color-adjust:exact;print-color-adjust:exact}.gates .name{white-space:normal;min-width:8.5rem}.gates .target{min-width:7rem}.stack td:last-child{min-width:6.5rem}}
";
