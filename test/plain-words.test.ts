// Plain English as a test: turns of phrase and names over which a reader stumbles, each with the usual word.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const ROOT = dirname(import.meta.dirname);
const PLACES = ['src', 'test', 'bench', 'bin', 'config', 'docs', 'fixtures', '*.md'];

/** A habit, and the words to write instead. */
type Habit = readonly [habit: RegExp, instead: string];

type Kind = 'source' | 'test' | 'document';

/** Habits everywhere. */
const HABITS: readonly Habit[] = [
  [/\b(?:tell|tells|told|telling) of\b/, 'report, announce or log'],
  [/\banew\b/, 'again'],
  [/\btaken to be\b/, 'assumed to be'],
  [/\bbeside\b/i, 'alongside, next to or besides'],
  [/\b(?:by|of) (?:itself|themselves)\b/, 'name the cause, or leave it out'],
  [/\bwhose turn it is\b/, 'next'],
  [/\balso (?:if|when|after|with|while|without)\b/i, 'even if, even when …; or a second sentence'],
  [
    /[\w`)], also (?:an?|one|the|those|across|after|against|as|at|before|below|beside|by|during|for|from|in|later|next|of|on|over|right|through|to|what|where|within)\b/,
    'even, including; or a second sentence',
  ],
  [/(?<!\bthere )\b(?:is|are) none\b/, 'is not one, is invalid, does not count'],
  // "There is no" and comparisons are usual.
  [
    /(?<!\bt?here )\b(?:is|are|was|were) no (?!(?:longer|more|less|fewer|larger|shorter|better|worse|slower|faster|other)\b)[a-z]/i,
    'is not a …',
  ],
  [/\b(?:is|are|was|were) (?:only|just|never) to [a-z]+\b/, 'must, should or will'],
  [/\botherwise than\b/, 'differently from'],
  [/\bhow (?:it|this|an? \w+) goes\b/, 'the progress'],
  [/\b(?:go|goes|went|going|gone) on\b(?!-)/i, 'continue'],
  // A comparison such as "so long that" is complete.
  [
    /\b(?:after|for|within|every|of|in|until there are|at most) so (?:often|many|much|long|few)\b(?! (?:(?:\w+ )?(?:that|as)|an?)\b)|\bso (?:often|many|much|long|soon|late|early|few)(?=[.,;:)'`]|\s*\*\/|\s*$)/i,
    'name the number or the time',
  ],
  [/(?<=^\s*(?:\/\*\*|\*|\/\/|#) (?:.*[.;:] )?)(?:What|Whose|Who|Whoever) (?=[a-z`])/, 'a noun as the subject'],
  [/\b(?:is|are|was|were) (?:not )?to [a-z]+\b/, 'must, should or will'],
  [/\b(?:const|let|function|readonly|async) #?(?:[\w$]+_)?(?:told|TOLD|unheard|UNHEARD|standing|STANDING)\b/, 'a noun'],
  // Parameters, properties and private fields; variables of a shell.
  [
    /(?:[({,] *|\breadonly +)(?:told|unheard|standing)\??:|(?<!readonly )#(?:told|unheard|standing)\b|^\s*(?:local )?(?:told|unheard|standing)=/,
    'a noun',
  ],
  // Compound names.
  [/(?:\b|#)(?:[a-z]\w*(?:Told|Unheard|Standing|_told)|told_\w+)\b/, 'a noun'],
];

/** Habits in the names of tests and in their messages; sources have labels that begin like these. */
const HABITS_OF_TESTS: readonly Habit[] = [
  [/(?<=(?<!class=)['"`])(?:what|who|whoever) (?=[a-z])/, 'a noun as the subject'],
];

/** Habits in sentences and cells of a document; a question may begin like these. */
const HABITS_OF_DOCUMENTS: readonly Habit[] = [
  [/(?<=(?:^|[.;|] |^[-*] )\s*)(?:What|Whose|Who|Whoever) (?=[a-z`])(?![^.;|]*\?)/, 'a noun as the subject'],
];

const FURTHER: Readonly<Record<Kind, readonly Habit[]>> = {
  source: [],
  test: HABITS_OF_TESTS,
  document: HABITS_OF_DOCUMENTS,
};

/** This file names the habits. */
const OWN = relative(ROOT, import.meta.filename);

/** The habits in a line, each with its remedy. */
const habitsIn = (line: string, kind: Kind): readonly string[] =>
  [...HABITS, ...FURTHER[kind]].flatMap(([habit, instead]) => {
    const [found] = habit.exec(line) ?? [];
    return found === undefined ? [] : [`${found.trim()} → ${instead}`];
  });

const kindOf = (path: string): Kind => {
  if (path.endsWith('.md')) return 'document';
  return /^(?:test|bench)\//.test(path) ? 'test' : 'source';
};

test('code, tests and documents use the usual word, not the habits of our drafts', () => {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...PLACES], {
    cwd: ROOT,
  });
  const files = listed
    .toString('utf8')
    .split('\n')
    .filter((path) => /\.(?:ts|js|sh|yaml|md)$/.test(path) && path !== OWN && existsSync(join(ROOT, path)));
  const problems = files.flatMap((path) =>
    readFileSync(join(ROOT, path), 'utf8')
      .split('\n')
      .flatMap((line, index) => habitsIn(line, kindOf(path)).map((habit) => `${path}:${index + 1}: ${habit}`)),
  );
  assert.deepEqual(problems, []);
});

test('each habit is found, and the same words in another sense are not', () => {
  for (const line of [
    "  test('an event tells of the lease', () => {",
    "assert.equal(sockets, 0, 'no socket was opened anew');",
    '// The address is taken to be free.',
    "test('init beside another server', () => {",
    '/** A process that ends by itself. */',
    '/** Sends to the client whose turn it is. */',
    '// The record is to be durable first.',
    "assert.ok(kept, 'what was refused is not counted');",
    "test('who guesses a password has no further tries', () => {",
    '  // What comes sooner is a copy.',
    '/** What a browser sends of an unchanged form. */',
    ' * The text of an answer. Whoever reads it must know the key.',
    '# Keys may be left out: what is written here wins. What is not is a default.',
    'const LONGEST_TOLD = 40;',
    '  const told = events.map(sentenceOf);',
    '  readonly #unheard = new Set<string>();',
    "  const standing = await leases('import');",
    '  #onTold: () => void = () => undefined;',
    '  listen(onTold: () => void): void;',
    '  #told = false;',
    'const line = (told: string) => told.padEnd(8);',
    '  told_by INTEGER NOT NULL,',
    '  told=$moved',
    '// The key of the region, also while it runs.',
    '/** Undefined if it is none. */',
    "test('a missing tree is no fault', () => {",
    '// Addresses for hosts that are no machines.',
    '/** Repairs the store unless it is only to report. */',
    '// The kernel may name them otherwise than before.',
    '/** Stores how it goes. */',
    '// Every host is heard, also one without a lease.',
    '// A process that has lost the duties goes on without them.',
    '/** No byte of the body for so long. */',
    '/** A keeper whose writes take so long, and its file. */',
    '/** After so many bytes, the free space is checked. */',
  ])
    assert.equal(habitsIn(line, 'test').length, 1, line);
  for (const line of [
    'changes may be gone. Who follows the event log is told',
    '| Effect | What it does |',
    'What hostile hosts can do: see below.',
    'A rack reads it. Whoever edits it restarts the rack.',
  ])
    assert.equal(habitsIn(line, 'document').length, 1, line);
  for (const line of [
    "test('a machine without work is told to power off', () => {",
    'const outstanding = 0;',
    '/** The fields that a browser sends; what it adds is left out. */',
    '/** Whatever a client sends is read within its bounds. */',
    "test('whatever bytes a file holds, its reader ends', () => {",
    "const [, who = '', what = ''] = page.split(' ');",
    '<span class="what error">',
    '// Next to the configuration.',
    "assert.ok(isRefused, 'it was told: poweroff');",
    "    'silence proxy-silent, told dhcp.elsewhere 10.20.0.2',",
    'const threshold = 3;',
    '// Without a file there is none.',
    '// There is no driver; the machine is no longer known, and its answer was no better.',
    '// It answers after so long a time that nobody waits.',
    '// Storing the lease took so long that the answer is useless.',
    "const LEVEL = 'going-on';",
  ])
    assert.deepEqual(habitsIn(line, 'test'), [], line);
  for (const line of [
    '## What a rack does without a region',
    'Who may do this? Administrators.',
    'The rack reports what it did, and who asked for it.',
  ])
    assert.deepEqual(habitsIn(line, 'document'), [], line);
  assert.deepEqual(habitsIn("mode: 'who gives the addresses',", 'source'), []);
});
