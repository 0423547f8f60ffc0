// Leases reported as durable survive `kill -9`: a child appends leases and prints each durable sequence, and is killed at
// a random moment, many times over one file: while it writes, and while the log is folded.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { LEASE_FILE, openLeaseJournal } from '../../src/store/leases/lease-journal.ts';
import { printedRandom } from '../support/printed-random.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';

/** On a host that writes little in so short a time it takes more kills until a log is long enough to be folded. */
const ROUNDS_MAX = 96;
/** After the first record: a child writes, rests and writes again within this time. */
const KILL_MS_MAX = 700;
const CHILD = new URL('../e2e/store-kill-child.ts', import.meta.url).pathname;

const kills = HAS_MANY_ROUNDS ? 100 : 3;

test(`${kills} kills at random moments lose no durable lease`, async () => {
  const random = printedRandom('store-kill');
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-kill-'));
  let printed = 0;
  try {
    let folded = 0;
    for (let round = 0; round < kills || (folded === 0 && round < ROUNDS_MAX); round += 1) {
      const child = spawn(process.execPath, [CHILD, stateDir], { stdio: ['ignore', 'pipe', 'inherit'] });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      const closed = once(child, 'close');
      while (!output.includes('\n') && child.exitCode === null) await sleep(2);
      await sleep(random(KILL_MS_MAX));
      child.kill('SIGKILL');
      await closed;
      // A line cut by the kill was not said.
      const lines = output.slice(0, output.lastIndexOf('\n')).split('\n');
      printed = Math.max(printed, Number(lines.at(-1)));
      const { journal, leases } = await openLeaseJournal({ stateDir, clock: systemClock });
      await journal.close();
      // The child gives record n the address n, so every sequence has an address of its own.
      const found = new Set(leases.map(({ address }): number => address));
      let sequence = 1;
      while (sequence <= printed && found.has(sequence)) sequence += 1;
      assert.ok(sequence > printed, `round ${round}: record ${sequence} of ${printed} is lost`);
      const database = new DatabaseSync(join(stateDir, LEASE_FILE), { readOnly: true });
      folded = Number(database.prepare('SELECT sequence FROM fold').get()?.sequence);
      database.close();
    }
    assert.ok(printed > 0);
    assert.ok(folded > 0, 'the log was folded');
    console.log(`# ${printed} records survived, up to ${folded} they are folded`);
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
});
