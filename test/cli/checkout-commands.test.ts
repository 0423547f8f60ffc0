// In a checkout that is not installed, every command that a refusal, a note or a hint names works as typed: each is typed here.
// @long more

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const NODE = dirname(process.execPath);

describe('the commands that a checkout names', () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-checkout-'));
  const config = join(place, 'my rack.yaml');
  const password = join(place, 'password');
  const state = join(place, 'state');
  mkdirSync(state);
  writeFileSync(config, `name: rack\nstate_dir: ${state}\ncluster_interfaces: []\n`);
  writeFileSync(password, 'long enough\n', { mode: 0o600 });
  const quoted = `'${config}'`;

  /** Types words in the checkout's directory, where the shell finds no `rackboot`. */
  const type = (words: string): { readonly code: number | null; readonly text: string } => {
    const { RACKBOOT_CONFIG: _, INIT_CWD: __, ...env } = process.env;
    const options = { cwd: ROOT, encoding: 'utf8', env: { ...env, PATH: `${NODE}:/usr/bin:/bin` } } as const;
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', words], options);
    return { code: status, text: `${stdout}${stderr}` };
  };
  /** The commands in a text, up to the end of the quotation, of the sentence's part or of the line. */
  const namedIn = (text: string): readonly string[] =>
    [
      ...text.matchAll(
        /\bnode bin\/rackboot\.js (?:'[^']*'|[^`;\n])*?(?=`|;|\n|\.\n| shows| says| names| lists| makes| gives| adds)/g,
      ),
    ].map(([words]) => words);

  const cases: readonly (readonly [typed: string, named: readonly string[]])[] = [
    [`status --config ${quoted}`, [`run --config ${quoted}`]],
    [
      `createadmin --username ann --password-file ${password} --config ${quoted}`,
      [`apikey --config ${quoted} --username ann`],
    ],
    [`createadmin --username ann --password-file ${password} --config ${quoted}`, [`password --config ${quoted} ann`]],
    [`apikey --username bob --config ${quoted}`, [`users list --config ${quoted}`, `users add --config ${quoted} bob`]],
    [`config get boot.relase --config ${quoted}`, [`config show --config ${quoted}`]],
    [`config set boot.relase trixie --config ${quoted}`, [`config show --config ${quoted}`]],
    [`images remove debian/nothing --config ${quoted}`, [`images list --config ${quoted}`]],
    [`images remove x/y --tree ${place} --config ${quoted}`, [`images list --config ${quoted} --tree ${place}`]],
    [`log-level nothing --config ${quoted}`, [`run --config ${quoted}`]],
    [`leases lst --config ${quoted}`, ['leases --help']],
    [`check --config ${join(place, 'other.yaml')}`, [`init --config ${join(place, 'other.yaml')}`]],
  ];
  for (const [words, expected] of !HAS_MANY_ROUNDS ? cases.slice(0, 4) : cases) {
    test(`after rackboot ${words.replaceAll(place, '…')}`, () => {
      const { text } = type(`node bin/rackboot.js ${words}`);
      assert.doesNotMatch(text, /(?<![\w./-])rackboot [a-z-]/, text);
      const named = namedIn(text);
      assert.deepEqual(
        named,
        expected.map((rest) => `node bin/rackboot.js ${rest}`),
        text,
      );
      for (const command of named) {
        // These two wait for a person, or run until a signal.
        if (/ (?:run|init|users add|password) /.test(command)) continue;
        const answer = type(command);
        assert.doesNotMatch(
          answer.text,
          /there is no (?:configuration|")|not found|Did you mean/,
          `${command}: ${answer.text}`,
        );
      }
    });
  }

  after(() => rmSync(place, { recursive: true }));
});
