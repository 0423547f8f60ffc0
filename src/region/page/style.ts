// How the page looks: a constant text, which the page's policy allows by its hash.
//
// 1. Nothing is loaded from anywhere: no font, no image, no library.
// 2. Text has a contrast of at least 4.5 to its ground, by day and by night; what is pressed on a telephone is 40 pixels high.
// 3. A link has the colour of links; among other words it is underlined, too.
// 4. On a desk the columns of the machines have fixed widths, and the last event takes what is left: no long name widens another column.

export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f8; --sheet: #ffffff; --ink: #17202a; --soft: #5d6b7a; --line: #dfe5eb; --accent: #0b66c3; --on-accent: #ffffff; --field: #ffffff; --edge: #8693a1; --danger: #b3261e; --on-danger: #ffffff;
  --blue: #0b66c3; --blue-ground: #e3effb; --green: #14703a; --green-ground: #e0f4e7; --amber: #8a5300; --amber-ground: #fcefd6;
  --red: #b3261e; --red-ground: #fbe4e2; --grey: #4b5866; --grey-ground: #e9edf1; --violet: #5b3fb5; --violet-ground: #ece7fb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10151b; --sheet: #19212a; --ink: #e6ebf0; --soft: #97a5b3; --line: #2b3641; --accent: #6db3ff; --on-accent: #0a1621; --field: #10161d; --edge: #6d7b8a; --danger: #ff9d95; --on-danger: #2b0b08;
    --blue: #8cc4ff; --blue-ground: #14324f; --green: #7fd6a0; --green-ground: #123824; --amber: #f2c271; --amber-ground: #3f2c0a;
    --red: #ff9d95; --red-ground: #4a1c19; --grey: #b4c0cb; --grey-ground: #2a343e; --violet: #c0adff; --violet-ground: #2e2553;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
header, .page, footer { max-width: 1240px; margin: 0 auto; padding: 0 20px; }
header { display: flex; align-items: center; gap: 6px 18px; padding-top: 18px; padding-bottom: 4px; flex-wrap: wrap; }
.brand { font-size: 20px; font-weight: 700; letter-spacing: -0.01em; color: var(--ink); }
nav { display: flex; flex-wrap: wrap; gap: 2px; }
nav a { padding: 6px 10px; border-radius: 8px; color: var(--soft); font-weight: 500; }
nav a:hover { background: var(--grey-ground); text-decoration: none; }
nav a[aria-current] { color: var(--ink); background: var(--grey-ground); }
.who-bar { margin-left: auto; display: flex; align-items: center; gap: 6px 14px; flex-wrap: wrap; font-size: 13.5px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 12px; top: 8px; background: var(--sheet); padding: 8px 12px; border-radius: 8px; z-index: 1; }
h1 { font-size: 21px; margin: 0; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 30px 0 10px; }
h3 { font-size: 14px; margin: 0; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.soft { color: var(--soft); }
.fresh { font-size: 13px; color: var(--soft); white-space: nowrap; }
.fresh::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%; background: #2fa35e; margin-right: 7px; }
.fresh.stale::before { background: #d2453b; }
.counts { display: flex; gap: 10px; flex-wrap: wrap; margin: 18px 0 4px; padding: 0; list-style: none; }
.counts li { background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; padding: 8px 14px; }
.counts b { font-size: 18px; margin-right: 6px; font-variant-numeric: tabular-nums; }
.sheet { background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 11px 14px; }
th { font-size: 12px; font-weight: 600; color: var(--soft); background: var(--ground); border-bottom: 1px solid var(--line); }
tbody tr + tr td { border-top: 1px solid var(--line); }
td.first { min-width: 150px; }
.name { font-weight: 600; overflow-wrap: anywhere; }
.small { font-size: 13px; color: var(--soft); }
.mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12.5px; }
.id { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12.5px; }
.mono span { display: block; white-space: nowrap; }
.clip { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.pill { display: inline-block; border-radius: 999px; padding: 2px 10px; font-size: 12.5px; font-weight: 600; white-space: nowrap; }
td.first .pill { margin-top: 5px; }
.blue { color: var(--blue); background: var(--blue-ground); }
.green { color: var(--green); background: var(--green-ground); }
.amber { color: var(--amber); background: var(--amber-ground); }
.red { color: var(--red); background: var(--red-ground); }
.grey { color: var(--grey); background: var(--grey-ground); }
.violet { color: var(--violet); background: var(--violet-ground); }
ul.notices { list-style: none; margin: 0; padding: 0; }
ul.notices li { padding: 10px 14px; border-left: 4px solid var(--amber); overflow-wrap: anywhere; line-height: 1.7; }
ul.notices li + li { border-top: 1px solid var(--line); }
.empty { padding: 38px 24px; text-align: center; }
.empty b { display: block; font-size: 17px; margin-bottom: 6px; }
ol.events { list-style: none; margin: 0; padding: 0; }
ol.events li { display: grid; grid-template-columns: 66px 144px 140px 1fr; gap: 10px; padding: 8px 14px; font-size: 13px; }
ol.events li + li { border-top: 1px solid var(--line); }
ol.events time { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
ol.events .what { overflow-wrap: anywhere; }
ol.events .who { font-weight: 600; overflow-wrap: anywhere; }
ol.events .warning, ol.events .error, ol.events .critical { color: var(--red); }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; text-underline-offset: 2px; }
p a, .small a, .alert a, .note a, footer a { text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 2px; }
p a:hover, .small a:hover, .alert a:hover, .note a:hover, footer a:hover { text-decoration-thickness: 2px; }
.head { display: flex; align-items: center; gap: 12px; flex-wrap: wrap; margin: 22px 0 12px; }
.note { padding: 14px; }
.boot { display: flex; align-items: baseline; gap: 10px; margin: 20px 0 8px; font-size: 14px; font-weight: 600; }
.boot .soft { font-weight: 400; }
ol.steps { list-style: none; margin: 0; padding: 0; }
ol.steps li { display: grid; grid-template-columns: 76px 150px 1fr; gap: 14px; padding: 7px 14px; font-size: 13.5px; }
ol.steps li + li { border-top: 1px solid var(--line); }
ol.steps time { color: var(--soft); text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
ol.steps .what { overflow-wrap: anywhere; }
ol.steps .warning, ol.steps .error, ol.steps .critical { color: var(--red); }
footer { padding-top: 22px; padding-bottom: 34px; font-size: 13px; color: var(--soft); }
code { background: var(--grey-ground); border-radius: 5px; padding: 1px 5px; font-size: 12.5px; }
.card { max-width: 560px; margin: 12vh auto 0; padding: 30px 32px; }
.card h1 { margin-bottom: 10px; }
.button { display: inline-flex; align-items: center; justify-content: center; font: inherit; font-size: 14px; font-weight: 600; line-height: 1.2; padding: 7px 14px;
  min-height: 36px; border-radius: 9px; border: 1px solid transparent; cursor: pointer; text-align: center; }
.button:hover { text-decoration: none; filter: brightness(1.08); }
.button.primary { background: var(--accent); color: var(--on-accent); }
.button.plain { background: var(--sheet); color: var(--ink); border-color: var(--edge); }
.button.danger { background: var(--danger); color: var(--on-danger); }
.button.warn { background: var(--sheet); color: var(--red); border-color: var(--red); }
.button.small-button { padding: 3px 10px; min-height: 30px; font-size: 13px; }
.buttons { display: flex; flex-wrap: wrap; gap: 8px; margin: 12px 0; }
form.inline { display: inline-flex; margin: 0; }
form.form { display: grid; gap: 16px; padding: 20px; }
form.form .buttons { margin: 4px 0 0; }
form.bare { padding: 6px 0 10px; }
.field { border: 0; margin: 0; padding: 0; min-width: 0; display: grid; gap: 5px; }
.field label, .field legend { font-weight: 600; font-size: 14px; padding: 0; }
.field label .soft, .field legend .soft { font-weight: 400; font-size: 13px; }
.field input[type=text], .field input[type=password], .field input[type=email], .field input[type=search], .field select, .field textarea {
  font: inherit; color: var(--ink); background: var(--field); border: 1px solid var(--edge); border-radius: 8px; padding: 8px 10px; width: 100%; max-width: 560px; min-height: 38px; }
input[type=file] { font: inherit; font-size: 14px; max-width: 100%; }
::placeholder { color: var(--soft); opacity: 0.85; }
form:has([name=deploy_by][value=image]:checked) .installed { display: none; }
.field textarea { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; max-width: 100%; resize: vertical; }
.field label.choice { display: flex; gap: 10px; align-items: flex-start; font-weight: 400; padding: 6px 0; cursor: pointer; }
.choice input { margin: 3px 0 0; width: 17px; height: 17px; flex: none; accent-color: var(--accent); }
.choice b { font-weight: 600; display: block; }
.choice b:only-child { font-weight: 400; }
.fault { margin: 0; font-size: 13.5px; font-weight: 500; color: var(--red); max-width: 70ch; overflow-wrap: anywhere; }
.field input[aria-invalid=true], .field select[aria-invalid=true], .field textarea[aria-invalid=true] { border-color: var(--red); box-shadow: 0 0 0 1px var(--red); }
.hint { margin: 0; font-size: 13px; color: var(--soft); max-width: 70ch; }
.alert { border-radius: 10px; padding: 12px 16px; margin: 14px 0; font-weight: 500; overflow-wrap: anywhere; }
.alert b { display: block; }
.told { margin-top: 14px; }
.lead { margin: 0; padding: 18px 20px 0; max-width: 75ch; }
ul.effects { margin: 0; padding: 10px 20px 0 38px; max-width: 80ch; }
ul.effects li { margin: 4px 0; }
.narrow { max-width: 760px; }
.work { padding: 14px; }
.work .line { display: flex; justify-content: space-between; gap: 12px; flex-wrap: wrap; font-size: 14px; margin-bottom: 7px; }
progress { appearance: none; display: block; width: 100%; height: 9px; border: 0; border-radius: 5px; overflow: hidden; background: var(--grey-ground); }
progress::-webkit-progress-bar { background: var(--grey-ground); }
progress:not([value])::-webkit-progress-bar { background: linear-gradient(90deg, var(--grey-ground) 30%, var(--accent) 50%, var(--grey-ground) 70%) 100% 0 / 300% 100%; animation: goes-on 1.8s linear infinite; }
@keyframes goes-on { to { background-position: 0 0; } }
@media (prefers-reduced-motion: reduce) { progress:not([value])::-webkit-progress-bar { animation: none; background-position: 50% 0; } }
progress::-webkit-progress-value { background: var(--accent); border-radius: 5px; }
progress::-moz-progress-bar { background: var(--accent); border-radius: 5px; }
td progress { height: 6px; margin: 5px 0 3px; min-width: 110px; }
.filters { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 0 0 10px; }
.filters input, .filters select { font: inherit; font-size: 14px; color: var(--ink); background: var(--field); border: 1px solid var(--edge); border-radius: 8px;
  padding: 6px 10px; min-height: 36px; max-width: 100%; }
.filters input { flex: 1 1 220px; max-width: 360px; }
.bar { display: flex; align-items: baseline; gap: 8px 16px; flex-wrap: wrap; justify-content: space-between; margin: 22px 0 12px; }
.bar h1, .bar h2 { margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 14px; margin-top: 14px; align-items: start; }
.cards > .sheet { height: 100%; }
.cards.flush { margin-top: 0; }
.card-head { min-height: 49px; display: flex; align-items: center; justify-content: space-between; gap: 10px; flex-wrap: wrap; padding: 12px 14px; border-bottom: 1px solid var(--line); }
.card-head h2, .card-head h3 { margin: 0; font-size: 14px; }
.card-foot { padding: 10px 14px; border-top: 1px solid var(--line); display: flex; gap: 8px; flex-wrap: wrap; }
dl.pairs { margin: 0; padding: 6px 14px; display: grid; grid-template-columns: minmax(90px, max-content) 1fr; gap: 0 16px; }
dl.pairs dt { color: var(--soft); font-size: 13.5px; padding: 5px 0; }
dl.pairs dd { margin: 0; padding: 5px 0; overflow-wrap: anywhere; min-width: 0; }
.why { color: var(--red); font-size: 13px; overflow-wrap: anywhere; }
td .why { max-width: 34ch; }
details.words > summary { padding: 0; display: block; font-size: inherit; }
details.words > summary::before { display: none; }
td.event > div > div, td.event summary, td.state > div > div, td.state summary, .cut { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
td.power { white-space: nowrap; }
td.power .why { white-space: normal; }
details.words[open] > summary { margin-bottom: 4px; }
.result, details > summary { padding: 10px 14px; display: flex; gap: 6px 10px; align-items: center; flex-wrap: wrap; }
details > summary { cursor: pointer; list-style: none; }
details > summary::-webkit-details-marker { display: none; }
details > summary::before { content: ""; flex: none; width: 7px; height: 7px; border-right: 2px solid var(--soft); border-bottom: 2px solid var(--soft); transform: rotate(-45deg); margin: 0 3px 0 1px; }
details[open] > summary::before { transform: rotate(45deg) translate(-2px, -2px); }
.result::before { content: ""; flex: none; width: 7px; margin: 0 3px 0 1px; }
.sheet:not(:has(details)) > .result::before { display: none; }
.result .small { margin-left: auto; }
.sheet > .result + .result, .sheet > .result + details, .sheet > details + .result { border-top: 1px solid var(--line); }
details details > summary, details > .result { padding-left: 34px; }
.hint.cut { padding: 0 14px 8px; }
details.more[open] { flex-basis: 100%; }
details.more > summary { padding: 8px 4px; color: var(--accent); font-size: 14px; }
details.more > .buttons { margin-top: 4px; }
.stacked { margin-top: 14px; }
nav.tabs { margin-bottom: 10px; }
.row { display: flex; gap: 8px 12px; align-items: center; flex-wrap: wrap; }
.card-line { border-top: 1px solid var(--line); }
.break { overflow-wrap: anywhere; white-space: normal; }
.waits { color: var(--amber); }
details > summary:hover { background: var(--ground); }
details + details, .sheet > details + details { border-top: 1px solid var(--line); }
summary .name { flex: 0 1 auto; }
summary .small { margin-left: auto; }
pre.output { margin: 0; padding: 12px 14px; max-height: 420px; overflow: auto; font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  background: var(--ground); border-top: 1px solid var(--line); white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4; }
.copy { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; overflow-wrap: anywhere; user-select: all; }
.list-item { display: flex; gap: 10px 16px; align-items: center; justify-content: space-between; flex-wrap: wrap; padding: 12px 14px; }
.list-item + .list-item { border-top: 1px solid var(--line); }
.list-item > :first-child { min-width: 0; flex: 1 1 260px; overflow-wrap: anywhere; }
.tag { display: inline-block; background: var(--grey-ground); color: var(--grey); border-radius: 6px; padding: 1px 8px; font-size: 12.5px; margin: 2px 4px 0 0; overflow-wrap: anywhere; }
table.plain th { white-space: nowrap; }
@media (min-width: 821px) {
  table.machines { table-layout: fixed; font-size: 14px; }
  table.machines th, table.machines td { padding-left: 10px; padding-right: 10px; }
  table.machines .first { padding-left: 14px; }
  table.machines th.state { width: 192px; }
  table.machines th.owner { width: 112px; }
  table.machines th.network { width: 150px; }
  table.machines th.power { width: 154px; }
  table.machines th.hardware { width: 160px; }
  table.machines td.state .pill { white-space: normal; border-radius: 12px; }
  table.machines td.power .small { overflow: hidden; text-overflow: ellipsis; }
}
@media (min-width: 1181px) { table.machines th.first { width: 176px; } }
@media (max-width: 1180px) { table.machines .event { display: none; } }
@media (max-width: 1020px) {
  table.machines .hardware { display: none; }
  td.power { white-space: normal; }
}
@media (max-width: 820px) {
  header, .page, footer { padding-left: 14px; padding-right: 14px; }
  thead { display: none; }
  table, tbody, tr, td { display: block; }
  tbody tr { padding: 12px 0; }
  tbody tr + tr { border-top: 1px solid var(--line); }
  tbody tr + tr td { border-top: 0; }
  td { display: grid; grid-template-columns: 92px 1fr; gap: 10px; padding: 4px 14px; }
  .clip { white-space: normal; }
  td::before { content: attr(data-label); font-size: 12.5px; color: var(--soft); padding-top: 1px; }
  td.first { min-width: 0; display: flex; align-items: center; justify-content: space-between; gap: 12px; }
  td.first .pill { margin-top: 0; }
  td.first::before { content: none; }
  ol.events li { grid-template-columns: 1fr auto; gap: 2px 12px; }
  ol.events .who { grid-column: 1; grid-row: 1; }
  ol.events time { grid-column: 2; grid-row: 1; }
  ol.events .kind { display: none; }
  ol.events .what { grid-column: 1 / 3; }
  ol.steps li { grid-template-columns: 1fr auto; gap: 2px 12px; }
  ol.steps time { grid-column: 2; grid-row: 1; }
  ol.steps .kind { grid-column: 1; grid-row: 1; }
  ol.steps .what { grid-column: 1 / 3; }
  .card { margin: 24px 14px 0; padding: 22px; }
  header { gap: 8px 12px; padding-top: 12px; }
  nav { order: 3; width: 100%; margin: 0 -8px; }
  nav a { padding: 9px 10px; }
  .button { min-height: 42px; }
  .button.small-button { min-height: 40px; }
  .field label.choice { padding: 9px 0; }
  .field input[type=text], .field input[type=password], .field input[type=email], .field input[type=search], .field select, .field textarea,
  .filters input, .filters select { font-size: 16px; min-height: 42px; }
  form.form { padding: 16px 14px; }
  form.bare { padding: 6px 0 10px; }
  .filters input { flex-basis: 100%; max-width: none; }
  .filters select { flex: 1 1 auto; min-width: 0; }
  .filters .button { flex: 1 1 100%; }
  .lead { padding: 16px 14px 0; }
  td .why { max-width: none; }
  td.first > div { min-width: 0; }
  .counts { gap: 8px; margin-top: 12px; }
  .counts li { padding: 5px 10px; }
  table.machines .nearer, td:has(> div:empty) { display: none; }
  td progress { min-width: 0; }
  td.state > div, td.owner > div { min-width: 0; }
  td.state > div > div, td.state summary { white-space: normal; }
  summary .small { margin-left: 0; flex-basis: 100%; }
}
`;

export const STYLE_ELEMENT = ['<style>', PAGE_STYLE, '</style>'].join('');
