// Quoting, tested with its readers: a value written for a shell, debconf or YAML is read back unchanged, or it was refused.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import type { Language } from '../../../src/region/preseed/context.ts';
import { type Rendered, renderTemplate } from '../../../src/region/preseed/engine.ts';
import type { Value } from '../../../src/region/preseed/value.ts';
import { mistakeText } from '../../../src/region/records/preseed-mistake.ts';
import { codePoint } from '../../support/any-text.ts';
import { missing } from '../../support/needs.ts';

const render = (source: string, language: Language, x: Value): Rendered =>
  renderTemplate({ file: 'root', source, variables: { x }, language, load: () => undefined });

const HOSTILE = [
  "it's",
  '"',
  '$(touch /tmp/owned)',
  '`id`',
  '$HOME',
  '$' + '{IFS}',
  '\\',
  'a\\',
  '\\n',
  ';',
  '&& id',
  '|',
  '>f',
  '#',
  ' #',
  '-n',
  '!',
  'a\nb',
  '\n',
  '\r',
  'a\n  b: c',
  '\t',
  '*',
  '?',
  '~',
  '{a,b}',
  '[a]',
  'a: b',
  ': ',
  '- a',
  '%',
  '@a',
  '`',
  '|',
  '>',
  'yes',
  'no',
  'null',
  '~',
  '1',
  '0x1',
  '1e3',
  '2001-01-01',
  '12:30:45',
  '',
  ' ',
  ' a',
  'a ',
  '!!python/object',
  '&a',
  '*a',
  '<<',
  '=',
  'é',
  '𝒂',
  '\u0085',
  '\u2028',
  '\u2029',
  '\ufeff',
  '\u0007',
  '\u007f',
  '{{x}}',
  '}}',
  "'\"'\"'",
  '\ud800',
  'EOF',
  'a\nEOF\nid',
  'd-i a/b string c',
];

const text = fc.oneof(fc.constantFrom(...HOSTILE), fc.string(), fc.string({ unit: codePoint, maxLength: 20 }));

/** The result of one word in a shell. */
function wordsOf(shell: readonly string[], script: string): readonly string[] {
  const [program = '', ...args] = shell;
  const out = execFileSync(program, [...args, '-c', script], { encoding: 'utf8', env: { PATH: process.env.PATH } });
  return out.split('\0').slice(0, -1);
}

const SHELLS = [
  ['sh', ['sh']],
  ['busybox', ['busybox', 'sh']],
] as const;

for (const [name, shell] of SHELLS) {
  test(`a value through |shell is one word of ${name}, with every byte`, {
    skip: missing(name === 'sh' ? 'linux' : 'busybox'),
  }, () => {
    const values = HOSTILE.filter((value) => value.isWellFormed());
    const lines = values.map((x) => render(`printf '%s\\0' {{x|shell}}\n`, 'shell', x));
    assert.ok(lines.every(({ ok }) => ok));
    const script = lines.map((line) => (line.ok ? line.text : '')).join('');
    assert.deepEqual(wordsOf(shell, script), values);
  });
}

test('a random value through |shell is one word', { skip: missing('linux') }, () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 20, maxLength: 40 }), (values) => {
      const written = values.flatMap((x) => {
        const rendered = render('{{x|shell}}', 'shell', x);
        return rendered.ok ? [{ x, quoted: rendered.text }] : [];
      });
      assert.ok(values.every((x) => written.some((one) => one.x === x) || !x.isWellFormed() || x.includes('\0')));
      const script = written.map(({ quoted }) => `printf '%s\\0' ${quoted}\n`).join('');
      assert.deepEqual(
        wordsOf(['sh'], script),
        written.map(({ x }) => x),
      );
    }),
    { numRuns: 30 },
  );
});

test('a value without a filter is plain in a shell or refused, in every place', { skip: missing('linux') }, () => {
  const places = [
    '{{x}}',
    '"{{x}}"',
    "'{{x}}'",
    '"$(printf %s {{x}})"',
    '`printf %s {{x}}`',
    '"{{x|shell}}"',
    "'{{x|shell}}'",
    '\\{{x|shell}}',
  ];
  for (const place of places) {
    for (const x of HOSTILE) {
      const rendered = render(`printf '%s\\0' a${place}\n`, 'shell', x);
      if (!rendered.ok)
        assert.match(mistakeText(rendered.mistake), /shell|inside quotes|half a character|zero byte/, `${place} ${x}`);
      else assert.deepEqual(wordsOf(['sh'], rendered.text), [`a${x}`], `${place} ${JSON.stringify(x)}`);
    }
  }
});

test('no value escapes from a shell’s comments and here-documents', { skip: missing('linux') }, () => {
  for (const x of HOSTILE) {
    const comment = render('# {{x}}\nprintf ok\n', 'shell', x);
    if (comment.ok) assert.equal(execFileSync('sh', ['-c', comment.text], { encoding: 'utf8' }), 'ok');
    const document = render("cat <<EOF\n{{x}}\nEOF\nprintf ok # don't\n", 'shell', x);
    if (document.ok && x !== 'EOF')
      assert.equal(execFileSync('sh', ['-c', document.text], { encoding: 'utf8' }), `${x}\nok`);
    const after = render("cat <<'EOF' >/dev/null\ndon't\nEOF\nprintf %s {{x|shell}}\n", 'shell', x);
    if (x.isWellFormed()) assert.ok(after.ok, 'an apostrophe in a here-document opens no quote');
    if (after.ok) assert.equal(execFileSync('sh', ['-c', after.text], { encoding: 'utf8' }), x);
  }
});

const DOCUMENTS: readonly (readonly [string, (found: unknown) => unknown])[] = [
  ['a: {{x|yaml}}\n', (found) => at(found, 'a')],
  ['a: [1, {{x|json}}]\n', (found) => at(at(found, 'a'), '1')],
  ['a: {b: {{x|yaml}}}\n', (found) => at(at(found, 'a'), 'b')],
  ['- {{x|yaml}}\n', (found) => at(found, '0')],
  ['a:\n  - {{x|yaml}}\n', (found) => at(at(found, 'a'), '0')],
  ['a: {{x}}\n', (found) => at(found, 'a')],
  ['a: "{{x}}"\n', (found) => at(found, 'a')],
  ["a: '{{x}}'\n", (found) => at(found, 'a')],
  ['a: [b, {{x}}]\n', (found) => at(at(found, 'a'), '1')],
  ['a: &b {{x}}\n', (found) => at(found, 'a')],
  ['a: &b {{x|yaml}}\n', (found) => at(found, 'a')],
];
const at = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;

test('both YAML versions read the value back, or it is refused', () => {
  fc.assert(
    fc.property(text, (x) => {
      for (const [source, find] of DOCUMENTS) {
        const rendered = render(source, 'yaml', x);
        if (rendered.ok) {
          for (const version of ['1.1', '1.2'] as const)
            assert.equal(find(parse(rendered.text, { version })), x, `${version} ${rendered.text}`);
        } else if (/\|/.test(source)) assert.ok(!x.isWellFormed(), mistakeText(rendered.mistake));
      }
    }),
    { numRuns: 1000 },
  );
});

test('lists and maps through |yaml are the same lists and maps, for JSON too', () => {
  const value = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string({ maxLength: 20 }), tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).value;
  fc.assert(
    fc.property(value, (x) => {
      const rendered = render('a: {{x|yaml}}\n', 'yaml', x);
      assert.ok(rendered.ok);
      assert.deepEqual(JSON.parse(rendered.text.slice(3)), x);
      assert.deepEqual(at(parse(rendered.text), 'a'), x);
    }),
  );
});

test('a quoted value that is not the whole value is refused, and a YAML block is written unchanged', () => {
  assert.ok(!render('a: b{{x|yaml}}\n', 'yaml', 'c: d').ok);
  assert.ok(!render('a: b {{x|yaml}}\n', 'yaml', 'c: d').ok);
  const joined = render('a: {{"b " + x|yaml}} # {{x}}\n', 'yaml', 'c: d');
  assert.equal(joined.ok && joined.text, 'a: "b c: d" # c: d\n');
});

/** The answers that debconf finds to each question, in a database of its own. */
function debconfFinds(answers: string, questions: readonly string[]): readonly string[] {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-preseed-'));
  try {
    const database = (name: string): string => `\n\nName: ${name}\nDriver: File\nFilename: ${join(directory, name)}`;
    writeFileSync(
      join(directory, 'rc'),
      `Config: configdb\nTemplates: templatedb${database('configdb')}${database('templatedb')}\n`,
    );
    writeFileSync(join(directory, 'answers'), answers);
    const env = {
      PATH: process.env.PATH,
      DEBCONF_SYSTEMRC: join(directory, 'rc'),
      DEBIAN_FRONTEND: 'noninteractive',
      LC_ALL: 'C.UTF-8',
    };
    execFileSync('debconf-set-selections', [join(directory, 'answers')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const input = questions.map((question) => `GET ${question}\n`).join('');
    const out = execFileSync('debconf-communicate', ['d-i'], { env, input, encoding: 'utf8' });
    return out
      .split('\n')
      .slice(0, -1)
      .map((line) => line.replace(/^0 /, ''));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const ALL = [
  ...new Set([...HOSTILE, 'plain', 'two words', 'a  b', 'it\'s $(x) `y` "z"', 'http://10.20.0.1:8000/?a=b&c=%20']),
];

test('debconf reads the value back, or it is refused', { skip: missing('debconf-set-selections') }, () => {
  const written = ALL.flatMap((x, index) => {
    const rendered = render(`d-i test/q${index} string {{x}}\n`, 'debconf', x);
    if (rendered.ok) return [{ x, line: rendered.text, question: `test/q${index}` }];
    assert.match(mistakeText(rendered.mistake), /debconf|half a character/);
    assert.ok(
      /[\\\0-\x1f\x7f-\x9f\u2028\u2029]|^\s|\s$/.test(x) || !x.isWellFormed(),
      `${JSON.stringify(x)} can be written`,
    );
    return [];
  });
  const found = debconfFinds(
    written.map(({ line }) => line).join(''),
    written.map(({ question }) => question),
  );
  assert.deepEqual(
    found,
    written.map(({ x }) => x),
  );
});

test('a word in a debconf command is the same word when a shell runs it', {
  skip: missing('debconf-set-selections'),
}, () => {
  const written = ALL.flatMap((x, index) => {
    const source = `d-i test/q${index}_command string \\\n  printf '%s|' {{x|shell}} \\\n  "{{if 0}}{{endif}}end"\n`;
    const rendered = render(source, 'debconf', x);
    return rendered.ok ? [{ x, line: rendered.text, question: `test/q${index}_command` }] : [];
  });
  assert.ok(written.length > ALL.length / 2);
  const commands = debconfFinds(
    written.map(({ line }) => line).join(''),
    written.map(({ question }) => question),
  );
  commands.forEach((command, index) => {
    const words = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
    assert.equal(words, `${written[index]?.x}|end|`);
  });
});

const PLACES: readonly (readonly [string, string, RegExp | undefined])[] = [
  ['a command without a filter', 'd-i preseed/late_command string echo {{x}}\n', /write {{…\|shell}}/],
  [
    'a command that continues in the next line',
    'd-i preseed/late_command string \\\n  echo {{x}}\n',
    /write {{…\|shell}}/,
  ],
  ['a command in quotes', 'd-i preseed/late_command string echo "{{x|shell}}"\n', /remove the quotes/],
  ['another command', 'd-i preseed/run string {{x}}\n', /\|shell/],
  ['the name of a question', 'd-i {{x}} string a\n', /letters, digits/],
  ['kernel arguments', 'd-i debian-installer/add-kernel-opts string {{x}}\n', /boot loader/],
  ['a plain value', 'd-i netcfg/hostname string {{x}}\n', undefined],
  ['a comment', '# {{x}}\n', undefined],
];
for (const [name, source, reason] of PLACES) {
  test(`in debconf, ${name}: a text with a command in it is ${reason === undefined ? 'harmless' : 'refused'}`, () => {
    const rendered = render(source, 'debconf', 'a; $(id)');
    if (reason === undefined) assert.ok(rendered.ok);
    else assert.match(rendered.ok ? rendered.text : mistakeText(rendered.mistake), reason);
  });
}

test('a refusal does not show the value', () => {
  for (const source of ['d-i a/b_command string {{x}}\n', 'd-i a/b string {{x}}\n', '{{x|kernel}}']) {
    const rendered = render(source, 'debconf', 'secret$(\n)');
    assert.ok(!rendered.ok && !mistakeText(rendered.mistake).includes('secret'));
  }
});
