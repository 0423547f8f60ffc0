// Random scripts around hostile values: for any use of quotes, brackets and here-documents in a template, no value becomes a command.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { renderTemplate } from '../../../src/region/preseed/engine.ts';
import { missing } from '../../support/needs.ts';
import { printedRandom } from '../../support/printed-random.ts';

const RUNS = 100;
const directory = mkdtempSync(join(tmpdir(), 'rackboot-injection-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const owned = join(directory, 'owned');

const PIECES = [
  '"',
  "'",
  '\\',
  '$(',
  ')',
  '(',
  '`',
  ' ',
  '\n',
  'a',
  'echo ',
  '#',
  ' #',
  '<<E\n',
  'E\n',
  '$' + '{y:-',
  '}',
  '$((1',
  '))',
  'case a in a) ',
  ';;esac',
  '; ',
  "$'",
  '|',
  "<<'E'\n",
  '<<-E\n',
  '"$(echo "',
  '{{x|shell}}',
  '{{x|shell}}',
  '{{x}}',
];
const VALUES = [
  `$(:>${owned})`,
  `\`:>${owned}\``,
  `'; :>${owned}; '`,
  `"; :>${owned}; "`,
  `;:>${owned};`,
  `\n:>${owned}\n`,
  `\nE\n:>${owned}\n`,
  `) :>${owned};(`,
  `'$(:>${owned})'`,
  `"$(:>${owned})"`,
];

/** The part of a rendered text that a shell gets. */
const commandOf = (text: string): string => text.replace(/\\\n/g, ' ').replace(/^\S+ \S+ \S+ /, '');

function isTaken(language: 'shell' | 'debconf', source: string, x: string): boolean | undefined {
  const whole = language === 'shell' ? source : `d-i a/b_command string ${source.replace(/\n/g, ' \\\n')}\n`;
  const rendered = renderTemplate({ file: 'root', source: whole, variables: { x }, language, load: () => undefined });
  if (!rendered.ok) return undefined;
  const script = language === 'shell' ? rendered.text : commandOf(rendered.text);
  // Without programs in its path, the shell has only its built-ins.
  spawnSync('/bin/sh', ['-c', script], { stdio: 'ignore', env: { PATH: '/nonexistent' }, timeout: 10_000 });
  return existsSync(owned);
}

const FOUND: readonly (readonly ['shell' | 'debconf', string])[] = [
  ['shell', '"$' + '{y:- \n#}{{x}}<<E\n'],
  ['shell', '\\ #{{x}} # #'],
  ['shell', "\\ #'\n{{x|shell}}"],
  ['shell', "$((1{{x|shell}}$'))"],
  ['shell', '"`echo "{{x|shell}}"`"'],
  ['shell', '"$(case a in a) echo "{{x|shell}}";;esac)"'],
  ['shell', 'cat <<A <<B\nA\n{{x|shell}}\nB\n'],
  ['shell', 'a=$(cat <<E\n{{x|shell}}\nE\n)'],
  ['shell', 'cat <<E\n\tE\n{{x|shell}}\nE\n'],
  ['debconf', "$((1}<<'E'\n<<'E'\n#{{x}}a))"],
  ['debconf', "\\{{x|shell}}#case a in a) );;esac)$'"],
];

test('earlier findings are refused or harmless', { skip: missing('linux') }, () => {
  for (const [language, source] of FOUND)
    for (const x of VALUES) assert.ok(!isTaken(language, source, x), `${language} ${source} with ${x}`);
});

for (const language of ['shell', 'debconf'] as const) {
  test(`no value in a random ${language} template becomes a command`, { skip: missing('linux') }, () => {
    const draw = printedRandom(`injection ${language}`);
    for (let ran = 0; ran < RUNS; ) {
      const source = Array.from({ length: 1 + draw(9) }, () => PIECES[draw(PIECES.length)]).join('');
      const x = VALUES[draw(VALUES.length)] ?? '';
      if (!source.includes('{{x')) continue;
      const taken = isTaken(language, source, x);
      if (taken !== undefined) ran += 1;
      assert.ok(taken !== true, `${JSON.stringify(source)} with ${JSON.stringify(x)}`);
    }
  });
}
