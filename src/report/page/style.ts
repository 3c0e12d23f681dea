/** The style sheet: light or dark as the reader has set it, narrow screens, print. Severity is always a word, too. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #fff; --panel: #f6f7f9; --ink: #16191d; --dim: #565f6b; --line: #d5dae0; --link: #0058a3;
  --decided: #ffe08a; --hot: #b33f00;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #b4659a; --c4: #b98300; --c5: #3f9bd1; --c6: #6b7280;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --panel: #1d2127; --ink: #e8eaed; --dim: #a3abb6; --line: #39404a; --link: #7ab8f0;
    --decided: #6b5200; --hot: #ff9a5c;
    --c0: #56a9e0; --c1: #f08a45; --c2: #2fc79a; --c3: #dd96c4; --c4: #e6b64a; --c5: #8fd0f5; --c6: #9aa3af;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 24px 20px 80px; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 1.25rem; margin: 40px 0 12px; border-bottom: 2px solid var(--line); padding-bottom: 4px; }
h3 { font-size: 1.02rem; margin: 0; }
h4 { font-size: .92rem; margin: 16px 0 2px; }
h4.warn { color: var(--hot); }
p { margin: 4px 0 8px; }
a { color: var(--link); }
ul { margin: 4px 0; padding-left: 22px; }
.dim, .facts, .source, .chart figcaption p { color: var(--dim); }
:not(text).dim, .facts, .source, .chart figcaption p { font-size: .88rem; }
.source { display: block; }
nav a { margin-right: 16px; }
.verdict { margin: 0 0 14px; padding: 12px 16px; background: var(--panel); border-left: 6px solid var(--c6); border-radius: 4px; }
.verdict.critical, .verdict.error { border-color: var(--c1); }
.verdict.warning { border-color: var(--c4); }
.verdict.notice { border-color: var(--c0); }
.verdict p.main { font-size: 1.08rem; font-weight: 600; margin: 4px 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 14px; margin: 8px 0 2px; }
dt { font-weight: 600; font-size: .9rem; }
dd { margin: 0; font-size: .95rem; }
.badge { display: inline-block; padding: 0 8px; border-radius: 10px; font-size: .78rem; font-weight: 600;
  border: 1.5px solid var(--c6); white-space: nowrap; }
.badge.critical { background: var(--c1); border-color: var(--c1); color: var(--ground); }
.badge.error { border-color: var(--c1); color: var(--hot); }
.badge.warning { border-color: var(--c4); }
.badge.notice { border-color: var(--c0); }
ul.quality { list-style: none; padding: 0; }
ul.quality li::before { display: inline-block; width: 1.4em; font-weight: 700; }
ul.quality li.good::before { content: "✓"; color: var(--c2); }
ul.quality li.fair::before { content: "·"; }
ul.quality li.bad::before { content: "!"; color: var(--hot); }
details.cause { border: 1px solid var(--line); border-radius: 6px; margin: 0 0 8px; }
details.cause > summary { padding: 8px 12px; cursor: pointer; }
details.cause > summary .n { font-variant-numeric: tabular-nums; font-weight: 700; }
details.cause > .body { padding: 0 16px 12px; }
.chart { margin: 0 0 28px; }
.scroll { overflow-x: auto; }
.chart svg { display: block; width: 100%; min-width: 560px; height: auto; }
svg.ladder { display: block; width: 100%; min-width: 560px; max-width: 860px; height: auto; }
svg text { fill: var(--ink); font: 11px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
svg text.tick { font: 11px system-ui, sans-serif; fill: var(--dim); }
svg text.timer { fill: var(--ink); font-size: 10px; stroke: var(--ground); stroke-width: 3; stroke-dasharray: none; paint-order: stroke; }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
svg .dim, svg .note { fill: var(--dim); } svg .strong { font-weight: 700; }
svg .flags { font-weight: 700; } svg .flags.old, svg .flags.other { font-weight: 400; }
.post { stroke: var(--dim); stroke-width: 1.5; }
.ground { fill: var(--ground); }
.gap { stroke: var(--dim); stroke-width: 1.2; fill: none; }
.arrow { stroke: var(--ink); stroke-width: 1.4; fill: none; } .head { fill: var(--ink); }
.arrow.old { stroke-dasharray: 6 4; stroke: var(--dim); } .arrow.other { stroke-dasharray: 2 4; stroke: var(--dim); }
.head.old, .head.other { fill: var(--dim); }
.arrow.raised { stroke: var(--c1); stroke-width: 3; } .head.raised, svg .flags.raised { fill: var(--hot); }
rect.decided { fill: var(--decided); stroke: var(--ink); stroke-width: .6; } tspan.decided { font-weight: 700; }
.grid { stroke: var(--line); stroke-width: .7; } .axis { stroke: var(--dim); fill: none; }
line.timer { stroke: var(--ink); stroke-width: .8; stroke-dasharray: 3 3; }
.line { fill: none; stroke-width: 2.4; stroke-linecap: round; } .line.most { stroke-width: 1.4; stroke-dasharray: 5 4; } .remembered { fill: none; stroke: var(--ink); stroke-width: 1.4; stroke-dasharray: 5 4; }
.cross { stroke: var(--hot); stroke-width: 2.4; fill: none; } .ring { stroke: var(--ink); stroke-width: 1.6; fill: none; }
${[0, 1, 2, 3, 4, 5, 6].map(i => `rect.c${i} { fill: var(--c${i}); } .line.c${i} { stroke: var(--c${i}); } .key.c${i} { background: var(--c${i}); }`).join('\n')}
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; list-style: none; padding: 4px 0 0; font-size: .85rem; }
.key { display: inline-block; width: 13px; height: 11px; margin-right: 6px; }
.key.rule { height: 3px; width: 18px; vertical-align: middle; }
.key.dash { height: 0; width: 18px; border-top: 2px dashed var(--ink); vertical-align: middle; }
.key.ring { border: 2px solid var(--ink); border-radius: 50%; width: 10px; height: 10px; }
.key.cross { background: none; width: auto; height: auto; } .key.cross::before { content: "✕"; color: var(--hot); font-weight: 700; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid var(--line); padding: 2px 9px; text-align: left; vertical-align: top; }
details.data summary { cursor: pointer; font-size: .85rem; color: var(--dim); }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 4px; padding: 6px 10px; margin: 4px 0;
  overflow-x: auto; font: 13px/1.45 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.filters { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0; position: sticky; top: 0; padding: 8px 0;
  background: var(--ground); }
input, select, button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--dim);
  border-radius: 4px; padding: 4px 9px; max-width: 100%; }
input { flex: 1 1 220px; } select { flex: 0 1 230px; min-width: 0; } button { cursor: pointer; } button:disabled { opacity: .45; cursor: default; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 1px; }
#list { list-style: none; padding: 0; margin: 0; }
#list li { border-bottom: 1px solid var(--line); scroll-margin-top: 64px; }
#list li.cause-head { font-weight: 700; padding: 16px 0 4px; border-bottom: 2px solid var(--line); }
button.row { display: grid; grid-template-columns: 86px 190px minmax(0, 1fr); gap: 0 10px; width: 100%; text-align: left;
  border: 0; border-radius: 0; padding: 6px 4px; background: none; }
button.row:hover { background: var(--panel); }
button.row .when, button.row .ends { font-size: .85rem; color: var(--dim); font-variant-numeric: tabular-nums; }
button.row .title { grid-column: 1 / -1; font-size: .93rem; }
button.row .badge { justify-self: start; }
#list .finding { padding: 4px 12px 16px; border-left: 4px solid var(--line); margin: 0 0 8px 4px; }
.pager { display: flex; gap: 12px; align-items: center; margin: 12px 0; }
@media (max-width: 600px) {
  body { padding: 16px 12px 60px; font-size: 15px; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin: 0 0 6px; }
  button.row { grid-template-columns: max-content 1fr; } button.row .ends { grid-column: 1 / -1; }
  .filters { position: static; } select { flex: 1 1 100%; } .chart svg { min-width: 500px; }
}
@media print {
  :root { --ground: #fff; --panel: #fff; --ink: #000; --dim: #444; --line: #bbb; --decided: #ffe08a; --hot: #8a2f00; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  #findings, nav, details.data { display: none; }
  .chart, .verdict, svg.ladder { break-inside: avoid; } h2, h3, h4 { break-after: avoid; }
  pre { white-space: pre-wrap; } .chart svg, svg.ladder { min-width: 0; }
}
`;
