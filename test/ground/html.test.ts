// Markup: text is escaped everywhere, markup passes, and nothing else compiles.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Html, html, nothing, type Part, verbatim } from '../../src/ground/html.ts';

/** The type `true` if a value of the first type is not assignable to the second. */
type Refuses<Value, Wanted> = Value extends Wanted ? false : true;

test('the compiler does not accept a string as markup, nor undefined, a boolean or a list of strings as a part', () => {
  const refused: readonly true[] = [
    true satisfies Refuses<string, Html>,
    true satisfies Refuses<{ toString(): string }, Html>,
    true satisfies Refuses<undefined, Part>,
    true satisfies Refuses<boolean, Part>,
    true satisfies Refuses<readonly string[], Part>,
    true satisfies Refuses<readonly (string | Html)[], Part>,
    true satisfies Refuses<object, Part>,
  ];
  const taken: readonly false[] = [
    false satisfies Refuses<string, Part>,
    false satisfies Refuses<number, Part>,
    false satisfies Refuses<Html, Part>,
    false satisfies Refuses<readonly Html[], Part>,
  ];
  assert.equal(refused.includes(true) && taken.includes(false), true);
});

const ATTACK = `<a href="x" id='y'>&`;
const SAFE = '&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;';

const CASES: readonly (readonly [what: string, made: Html, text: string])[] = [
  ['text between tags', html`<p>${ATTACK}</p>`, `<p>${SAFE}</p>`],
  ['text in an attribute', html`<p title="${ATTACK}">`, `<p title="${SAFE}">`],
  ['text in an attribute with single quotes', html`<p title='${ATTACK}'>`, `<p title='${SAFE}'>`],
  ['text after an attribute with a bracket', html`<p title="a>b">${ATTACK}`, `<p title="a>b">${SAFE}`],
  ['a number', html`<p>${7} of ${-0.5}`, '<p>7 of -0.5'],
  ['markup', html`<p>${html`<b>${ATTACK}</b>`}</p>`, `<p><b>${SAFE}</b></p>`],
  ['a list of markup', html`${[html`<b>`, html`${ATTACK}`, nothing]}`, `<b>${SAFE}`],
  [
    'markup in an attribute',
    html`<p title="${html`<b id="x">'</b>`}">`,
    '<p title="&lt;b id=&quot;x&quot;&gt;&#39;&lt;/b&gt;">',
  ],
  ['escaped text in an attribute', html`<p title="${html`${ATTACK}`}">`, `<p title="${SAFE}">`],
  ['attributes', html`<p${html` title="${ATTACK}"`}${nothing}>`, `<p title="${SAFE}">`],
  ['control characters', html`<p>${'a\u001b[31mb\u202ec\u200d'}`, '<p>a\\x1b[31mb\\u202ec\\u200d'],
  ['lines and tabs', html`${'a\n\tb'}`, 'a\n\tb'],
  [
    'a value that a form sends back',
    html`<input value="${verbatim(`\u001b${ATTACK}`)}">`,
    `<input value="\u001b${SAFE}">`,
  ],
];

for (const [what, made, text] of CASES) {
  test(`${what} can neither end the markup around it nor act`, () => assert.equal(made.toString(), text));
}

test('text between the attributes of a tag, where escaping cannot help, throws', () => {
  for (const make of [
    () => html`<p ${'onclick=alert(1)'}>`,
    () => html`<p id=${'x'}>`,
    () => html`<${'script'}>`,
    () => html`<p title="a"${''}>`,
  ]) {
    assert.throws(make, /between the attributes of a tag/);
  }
});

test('a line end is a space between words, and nothing next to a tag or a part and at the edges', () => {
  const made = html`
    <p class="a"
      id="b">one
      two ${'three'}
      <b>four</b>
      ${'five'}
      six</p>`;
  assert.equal(made.toString(), '<p class="a" id="b">one two three<b>four</b>fivesix</p>');
  assert.equal(html`a${'\n'}b`.toString(), 'a\nb');
});

test('an array that the language did not make for a template throws', () => {
  for (const strings of [
    Object.assign([ATTACK], { raw: [ATTACK] }),
    Object.assign([ATTACK], { raw: Object.freeze([ATTACK]) }),
    Object.freeze(Object.assign([ATTACK], { raw: [ATTACK] })),
  ]) {
    assert.throws(() => html(strings), /html is the tag of a template/);
  }
});

test('all empty markup is the same object', () => {
  assert.equal(html`${''}${[]}${nothing}`, nothing);
  assert.equal(verbatim(''), nothing);
});
