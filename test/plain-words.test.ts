// Plain English as a test: turns of phrase and names over which a reader stumbles, each with the usual word.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const ROOT = dirname(import.meta.dirname);
const PLACES = ['src', 'test', 'bench', 'bin', 'config', 'docs', 'README.md'];

/** Habits, each with the words to write instead. */
const HABITS: readonly (readonly [habit: RegExp, instead: string])[] = [
  [/\b(?:tell|tells|told|telling) of\b/, 'report, announce or log'],
  [/\banew\b/, 'again'],
  [/\btaken to be\b/, 'assumed to be'],
  [/\bbeside\b/i, 'alongside, next to or besides'],
  [/\b(?:by|of) (?:itself|themselves)\b/, 'name the cause, or leave it out'],
  [/\bwhose turn it is\b/, 'next'],
  [/(?<=^\s*(?:\/\*\*|\*|\/\/|#) (?:.*[.;:] )?)(?:What|Whose|Who|Whoever) (?=[a-z`])/, 'a noun as the subject'],
  [/\b(?:is|are|was|were) (?:not )?to [a-z]+\b/, 'must, should or will'],
  [/\b(?:const|let|function|readonly|async) #?(?:[\w$]+_)?(?:told|TOLD|unheard|UNHEARD|standing|STANDING)\b/, 'a noun'],
];

/** Habits in the names of tests and in their messages; sources have labels that begin like these. */
const HABITS_OF_TESTS: typeof HABITS = [
  [/(?<=(?<!class=)['"`])(?:what|who|whoever) (?=[a-z])/, 'a noun as the subject'],
];

/** This file names the habits. */
const OWN = relative(ROOT, import.meta.filename);

/** The habits in a line, each with its remedy. */
const habitsIn = (line: string, isTest: boolean): readonly string[] =>
  [...HABITS, ...(isTest ? HABITS_OF_TESTS : [])].flatMap(([habit, instead]) => {
    const [found] = habit.exec(line) ?? [];
    return found === undefined ? [] : [`${found.trim()} → ${instead}`];
  });

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
      .flatMap((line, index) =>
        habitsIn(line, /^(?:test|bench)\//.test(path)).map((habit) => `${path}:${index + 1}: ${habit}`),
      ),
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
  ])
    assert.equal(habitsIn(line, true).length, 1, line);
  for (const line of [
    "test('a machine without work is told to power off', () => {",
    'const outstanding = 0;',
    '/** The fields that a browser sends; what it adds is left out. */',
    '/** Whatever a client sends is read within its bounds. */',
    "test('whatever bytes a file holds, its reader ends', () => {",
    "const [, who = '', what = ''] = page.split(' ');",
    '<span class="what error">',
    '// Next to the configuration.',
  ])
    assert.deepEqual(habitsIn(line, true), [], line);
  assert.deepEqual(habitsIn("mode: 'who gives the addresses',", false), []);
});
