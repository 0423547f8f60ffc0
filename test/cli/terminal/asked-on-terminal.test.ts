// Commands that lose something for good, at a terminal: they ask first, and Enter alone changes nothing.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { answerControl } from '../../support/control-answers.ts';
import { missing } from '../../support/needs.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const RACK = {
  uuid: 'u',
  name: 'far',
  status_name: 'accepted',
  is_embedded: false,
  is_away: false,
  conflict: null,
  version: '1',
  last_seen: null,
  events_waiting: 0,
  events_dropped: 0,
  dead_letters: 0,
  interfaces: [],
};
const ANSWERS = {
  '/MAAS/api/2.0/nodegroups/': [RACK],
  '/MAAS/api/2.0/users/': [{ username: 'bob', email: '', is_superuser: false }],
};

for (const [words, question] of [
  [['racks', 'remove', 'far'], /Forget far, which serves machines for this region\? \[y\/N\]/],
  [['users', 'remove', 'bob'], /Remove the account bob, with its API keys and SSH keys\? \[y\/N\]/],
] as const)
  test(`${words.join(' ')} asks`, { skip: missing('script'), timeout: 60_000 }, async (t) => {
    const { config, deleted } = await answerControl(t, ANSWERS);
    /** Runs the command at a terminal, and answers its question; empty: Enter alone. */
    const answered = async (answer: string, ...more: readonly string[]): Promise<string> => {
      const line = [process.execPath, MAIN, ...words, ...more, '--config', config].join(' ');
      const child = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
      let text = '';
      let isAnswered = false;
      child.stdout.on('data', (bytes: Buffer) => {
        text += bytes.toString('utf8');
        if (!isAnswered && text.includes('[y/N]')) {
          isAnswered = true;
          child.stdin.write(`${answer}\r`);
        }
      });
      await once(child, 'close');
      return text;
    };
    assert.match(await answered(''), question);
    assert.deepEqual(deleted, []);
    await answered('y');
    assert.equal(deleted.length, 1);
    assert.doesNotMatch(await answered('', '--yes'), /\[y\/N\]/);
    assert.equal(deleted.length, 2);
  });
