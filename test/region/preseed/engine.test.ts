// The template language: each directive, the message of each mistake, and that rendering always ends without an exception.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Language } from '../../../src/region/preseed/context.ts';
import { OUTPUT_CHARACTERS_MAX, type Rendered, renderTemplate } from '../../../src/region/preseed/engine.ts';
import { TEMPLATE_CHARACTERS_MAX } from '../../../src/region/preseed/scanner.ts';
import type { Variables } from '../../../src/region/preseed/value.ts';
import { mistakeText } from '../../../src/region/records/preseed-mistake.ts';

const VARIABLES: Variables = {
  name: 'calm-ibis',
  empty: '',
  count: 2,
  yes: true,
  keys: ['one', 'two'],
  pairs: [
    ['a', 'b'],
    ['c', 'd'],
  ],
  node: { hostname: 'calm-ibis', architecture: 'amd64/generic' },
  tagged: { tag_names: ['gpu', 'rack7'] },
};

function render(source: string, more: Readonly<Record<string, string>> = {}, language: Language = 'text'): Rendered {
  return renderTemplate({
    file: 'root',
    source,
    variables: VARIABLES,
    language,
    load: (name) => (Object.hasOwn(more, name) ? { file: name, text: more[name] ?? '' } : undefined),
  });
}

const GOOD: readonly (readonly [string, string, string])[] = [
  ['a value', 'x {{name}} y', 'x calm-ibis y'],
  ['blanks inside the braces do not matter', '{{ name }}', 'calm-ibis'],
  ['tags', "{{if 'gpu' in tagged.tag_names()}}{{','.join(tagged.tag_names())}}{{endif}}", 'gpu,rack7'],
  ['a part of a value', '{{node.hostname}} {{node["architecture"]}}', 'calm-ibis amd64/generic'],
  ['an item of a list', '{{keys[1]}}', 'two'],
  ['a number, and true', '{{count}} {{yes}}', '2 true'],
  ['a text that the author wrote', '{{"{{"}}', '{{'],
  ['if and else', '{{if empty}}a{{else}}b{{endif}}', 'b'],
  ['a colon after if, as the older language has it', '{{if name:}}a{{endif}}', 'a'],
  ['elif', '{{if empty}}a{{elif name}}b{{else}}c{{endif}}', 'b'],
  ['not, and, or', '{{if not empty and (yes or empty)}}a{{endif}}', 'a'],
  ['comparison', '{{if name == "calm-ibis"}}a{{endif}}{{if count != 2}}b{{endif}}', 'a'],
  ['in and not in', "{{if 'one' in keys and 'ibis' in name and 'three' not in keys}}a{{endif}}", 'a'],
  ['for', '{{for key in keys}}{{key}},{{endfor}}', 'one,two,'],
  ['for with two names', '{{for a, b in pairs}}{{a}}{{b}} {{endfor}}', 'ab cd '],
  ['a map gives its names and values', '{{for k, v in node}}{{k}} {{endfor}}', 'hostname architecture '],
  ['joined texts', '{{"<" + name + ">"}}', '<calm-ibis>'],
  ['a filter', '{{"A b"|lower}} {{keys|join("+")}} {{"a b/é"|url}} {{"é"|base64}}', 'a b one+two a%20b%2F%C3%A9 w6k='],
  ['filters one behind the other', '{{keys|join(" ")|shell}}', "'one two'"],
  ['the names of the older language', '{{name|escape.shell}} {{escape.json(name)}}', 'calm-ibis "calm-ibis"'],
  [
    'methods',
    '{{name.split("-")[1].upper()}} {{"x y".split()|join}} {{name.replace("calm", "odd").strip()}}',
    'IBIS x y odd-ibis',
  ],
  ['lines', '{{for l in str("a\\nb\\n").splitlines()}}<{{l}}>{{endfor}}', '<a><b>'],
  ['a choice', '{{"a" if empty else "b" if name.startswith("calm") else "c"}}', 'b'],
  ['lists', '{{if name in ["x", "calm-ibis"] and count in {1, 2} }}a{{endif}}', 'a'],
  ['a name that is set', '{{py: name = "x"}}{{py: z = keys[0]}}{{name}}{{z}}', 'xone'],
  ['a comment', "a{{# don't }}b", 'ab'],
  ['a directive alone on its line takes the line with it', 'a\n  {{if name}}  \nb\n{{endif}}\nc', 'a\nb\nc'],
  ['and at the ends of the text', '{{if name}}\nb\n{{endif}}', 'b\n'],
  ['a comment over lines too', 'a\n{{# one\n two }}\nb', 'a\nb'],
  ['a value alone on its line does not', 'a\n{{empty}}\nb', 'a\n\nb'],
  ['nor two directives on one', '{{if name}}{{endif}}\nb', '\nb'],
  ['a default where there is no value', '{{default z = "d"}}{{default name = "x"}}{{z}} {{name}}', 'd calm-ibis'],
  ['a block of its own', '{{def b}}\nx {{name}}\n{{enddef}}\n[{{self.b}}]', '[x calm-ibis\n]'],
  ['an inherited one', '{{inherit "base"}}{{def b}}child{{enddef}} unseen', '<child|default>'],
  ['text outside of blocks, where the template asks for it', '{{inherit "body"}}text', '<text>'],
  ['defaults of a template that inherits', '{{inherit "asks"}}{{default z = "w"}}', 'w'],
  ['the nearest block of three', '{{inherit "middle"}}{{def b}}mine{{enddef}}', '<mine|middle>'],
  ['another template', '{{for name in keys}}{{include "line"}}{{endfor}}', 'one;two;'],
  ['carriage returns are dropped', 'a\r\n{{if name}}\r\nb\r\n{{endif}}\r\n', 'a\nb\n'],
];
const MORE = {
  base: '<{{self.b}}|{{self.c}}>{{def b}}base{{enddef}}{{def c}}default{{enddef}}',
  middle: '{{inherit "base"}}{{def c}}middle{{enddef}}',
  body: '<{{self.body}}>',
  asks: '{{z}}',
  line: '{{name}};',
  loop: '{{include "loop"}}',
  ancestor: '{{inherit "ancestor"}}',
};

for (const [name, source, expected] of GOOD) {
  test(`it writes ${name}`, () => {
    const rendered = render(source, MORE);
    assert.deepEqual(rendered.ok ? rendered.text : rendered, expected);
  });
}

const BAD: readonly (readonly [string, string, number, RegExp])[] = [
  [
    'a name that is not defined',
    'a\n\n{{hostnam}}',
    3,
    /^hostnam is not defined here; defined are: count, empty, keys, name, /,
  ],
  ['even where it is only asked for', '{{if hostnam}}{{endif}}', 1, /hostnam is not defined/],
  ['a part that is not there', '{{node.hostnam}}', 1, /the parts are: architecture, hostname/],
  ['a property of every object is not a part', '{{node.constructor}}', 1, /is not defined/],
  ['nor a name', '{{constructor}}{{__proto__}}', 1, /is not defined/],
  ['a mistake in an included template is reported with its file', '{{include "wrong"}}', 2, /hostnam is not defined/],
  ['code', '{{py: import os}}', 1, /cannot run programs/],
  ['a call of an unknown method', '{{name.title()}}', 1, /title\(\) cannot be called; the methods are: /],
  ['a call of what is no name', '{{"a"("b")}}', 1, /only filters and a few methods/],
  ['a filter that does not exist', '{{name|uper}}', 1, /no filter uper; the filters are: base64, /],
  ['a directive without an end', 'a\n{{name', 2, /no }}/],
  ['if without endif', '\n{{if name}}', 2, /before the {{endif}} of the {{if}} in line 2/],
  ['endif without if', 'a\n{{endif}}', 2, /ends nothing/],
  ['a loop that a condition ends', '{{for a in keys}}{{endif}}', 1, /{{endif}} comes before the {{endfor}}/],
  ['a list as it is', '{{keys}}', 1, /cannot be used here: a list/],
  ['a loop through a text', '{{for a in name}}{{endfor}}', 1, /needs a list, not a text/],
  ['a block that nobody defined', '{{self.b}}', 1, /there is no block b/],
  ['a block through a filter', '{{self.b|shell}}', 1, /write a block as {{self.NAME}}, without a filter/],
  ['a parent that is not there', '{{inherit "nobody"}}', 1, /no template "nobody" to inherit/],
  ['a template that includes itself', '{{include "loop"}}', 1, /inside each other/],
  ['one that inherits itself', '{{inherit "ancestor"}}', 1, /inherit from each other/],
  ['an included one that inherits', '{{include "middle"}}', 1, /cannot be included/],
  ['half an expression', '{{name +}}', 1, /expected a name, a text in quotes or a number, found the end/],
  ['an odd character', '{{name ; x}}', 1, /not a valid expression/],
  ['an unknown language', '{{language perl}}', 1, /not a language; the languages are: debconf, shell, text, yaml/],
  ['brackets without end', `{{${'('.repeat(100)}name}}`, 1, /nested brackets/],
  ['directives without end', '{{if name}}'.repeat(100), 1, /inside each other/],
  ['a text that doubles itself', doubling(), 21, /longer than|characters of text/],
  ['loops in loops', `${'{{for a in keys}}'.repeat(20)}${'{{endfor}}'.repeat(20)}`, 1, /steps/],
  ['a template that is too long', 'x'.repeat(TEMPLATE_CHARACTERS_MAX + 1), 1, /longer than/],
  ['a value of two lines', '{{"a" + line}}', 1, /line is not defined/],
];

function doubling(): string {
  const lines = Array.from({ length: 40 }, (_, index) => `{{default v${index + 1} = v${index} + v${index}}}`);
  return ['{{default v0 = "xx"}}', ...lines].join('\n');
}

for (const [name, source, line, reason] of BAD) {
  test(`it refuses ${name}`, () => {
    const rendered = render(source, { ...MORE, wrong: '\n{{hostnam}}' });
    assert.ok(!rendered.ok, JSON.stringify(rendered).slice(0, 200));
    assert.match(mistakeText(rendered.mistake), reason);
    assert.equal(rendered.line, line);
    assert.equal(rendered.file, /included/.test(name) && line === 2 ? 'wrong' : rendered.file);
  });
}

test('the language is that of the template, of its first line, or of the purpose', () => {
  const languageOf = (source: string, more = {}): unknown => {
    const rendered = render(source, more, 'debconf');
    return rendered.ok ? rendered.language : rendered;
  };
  assert.equal(languageOf('a'), 'debconf');
  assert.equal(languageOf('{{language yaml}}'), 'yaml');
  assert.equal(languageOf('#!/bin/sh\n'), 'shell');
  assert.equal(languageOf('#cloud-config\na: b\n'), 'yaml');
  assert.equal(languageOf('{{inherit "x"}}', { x: '#!/bin/bash -e\n' }), 'shell');
});

test('the files read are listed in order, each once', () => {
  const rendered = render('{{inherit "base"}}{{def b}}{{include "line"}}{{include "line"}}{{enddef}}', MORE);
  assert.deepEqual(rendered.ok && rendered.chain, ['root', 'base', 'line']);
});

const PIECES = [
  '{{',
  '}}',
  '{{#',
  '"',
  "'",
  '\\',
  '\n',
  ' ',
  '#',
  '$(',
  ')',
  '`',
  '<<EOF\n',
  'EOF\n',
  ': ',
  '- ',
  'd-i a/b string ',
  '{{name}}',
  '{{empty}}',
  '{{keys}}',
  '{{name|shell}}',
  '{{node|yaml}}',
  '{{node|yaml|shell}}',
  '{{keys|join(",")}}',
  '{{if name}}',
  '{{elif empty}}',
  '{{else}}',
  '{{endif}}',
  '{{for a in keys}}',
  '{{endfor}}',
  '{{def b}}',
  '{{enddef}}',
  '{{self.b}}',
  '{{include "line"}}',
  '{{include "loop"}}',
  '{{inherit "base"}}',
  '{{default z = name + name}}',
  '{{z}}',
  '{{language shell}}',
  '{{language yaml}}',
  '{{language debconf}}',
  '{{py: x}}',
  'text',
  'é',
  '\u0000',
  '\ud800',
];

test('every template ends within its bounds, without an exception', () => {
  const source = fc.array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...PIECES) }, fc.string()), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(source, fc.constantFrom<Language>('debconf', 'shell', 'yaml', 'text'), (pieces, language) => {
      assertRendered(render(pieces.join(''), MORE, language));
    }),
    { numRuns: 2000 },
  );
});

/** A bounded text, or a fault with its place. */
function assertRendered(rendered: ReturnType<typeof render>): void {
  if (rendered.ok) assert.ok(rendered.text.length <= OUTPUT_CHARACTERS_MAX);
  else assert.ok(rendered.line >= 1 && mistakeText(rendered.mistake) !== '' && rendered.file !== '');
}

test('a template of the maximum length is rendered or refused, whatever its contents', () => {
  for (const piece of ['{{', '{{"', '{{name}}', '{{if name}}{{endif}}', ' ', '"', '\\\n', '<< ', '{{(', '{{#', 'a '])
    for (const language of ['debconf', 'shell', 'yaml'] as const)
      assertRendered(render(piece.repeat(TEMPLATE_CHARACTERS_MAX / piece.length), MORE, language));
});
