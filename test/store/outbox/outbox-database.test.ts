// outbox.db: what waits for a remote region, in order, up to its bounds, across restarts.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { RackError } from '../../../src/ground/errors.ts';
import type { RackReport } from '../../../src/region/records/machine-event.ts';
import { openOutboxStore } from '../../../src/store/outbox/outbox-database.ts';
import {
  OUTBOX_BOUNDS,
  type OutboxBounds,
  type OutboxEntry,
  type OutboxStore,
  type QueuedPost,
} from '../../../src/uplink/outbox-store.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const SMALL: OutboxBounds = { entriesMax: 10, bytesMax: 4000, deadLettersMax: 3 };

const report = (sequence: number, text: string, level: RackReport['level'] = 'info'): RackReport => ({
  sequence,
  kind: `test.${level}`,
  at: 1,
  text,
  level,
});
const post = (body: string, peer = '10.20.0.101'): QueuedPost => ({
  at: 5,
  peer,
  contentType: 'application/x-www-form-urlencoded',
  path: '/MAAS/api/2.0/machines/',
  body,
});

function withStore(work: (open: (bounds?: OutboxBounds) => OutboxStore, stateDir: string) => void): void {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-outbox-'));
  const opened: OutboxStore[] = [];
  try {
    work((bounds) => {
      const store = openOutboxStore({ stateDir, bounds });
      opened.push(store);
      return store;
    }, stateDir);
  } finally {
    for (const store of opened) store.close();
    rmSync(stateDir, { recursive: true });
  }
}

const textsOf = (entries: readonly OutboxEntry[]): string[] =>
  entries.map((entry) => (entry.kind === 'post' ? entry.post.body : entry.report.text));
const all = (store: OutboxStore) => store.take(1000, 1e9);

test('entries are there after a restart, in order, and only the file’s owner may read them', () => {
  withStore((open, stateDir) => {
    const store = open();
    store.addReports('life', [report(1, 'a'), report(2, 'b')], 0);
    store.addPost(post('c'));
    store.addReports('life', [report(3, 'd')], 0);
    store.close();
    const again = open();
    assert.equal(again.length, 4);
    assert.deepEqual(textsOf(all(again)), ['a', 'b', 'c', 'd']);
    assert.equal(again.id, store.id);
    assert.equal(statSync(join(stateDir, 'outbox.db')).mode & 0o777, 0o600);
  });
});

test('the parameters of a report come back, and a report that its sentence says whole has none', () => {
  withStore((open) => {
    const params = { client: 'bios', file: 'lpxelinux.0', status: 200, proxied: true };
    const store = open();
    store.addReports('life', [{ ...report(1, 'a'), params }, report(2, 'b')], 0);
    const read = all(store).map((entry) => (entry.kind === 'report' ? entry.report.params : undefined));
    assert.deepEqual(read, [params, undefined]);
  });
});

test('a repeated message of the rack is stored once, and a new life of the rack starts at 1', () => {
  withStore((open) => {
    const store = open();
    store.addReports('one', [report(1, 'a'), report(2, 'b')], 0);
    store.addReports('one', [report(1, 'a'), report(2, 'b'), report(3, 'c')], 0);
    assert.equal(store.readStoredSequence('one'), 3);
    assert.equal(store.readStoredSequence('two'), 0);
    store.addReports('two', [report(1, 'd')], 0);
    assert.deepEqual(textsOf(all(store)), ['a', 'b', 'c', 'd']);
  });
});

test('an entry gets its sequence when it is first taken and keeps it', () => {
  withStore((open) => {
    const store = open();
    store.addReports('life', [report(1, 'a'), report(2, 'b'), report(3, 'c')], 0);
    const first = store.take(2, 1e9);
    assert.deepEqual(
      first.map(({ sequence }) => sequence),
      [1, 2],
    );
    store.close();
    const again = open();
    assert.deepEqual(again.take(9, 1e9), first);
    assert.equal(again.id, store.id);
    again.acknowledge(1, 0);
    assert.deepEqual(
      again.take(9, 1e9).map(({ sequence }) => sequence),
      [2],
    );
    again.acknowledge(2, 0);
    assert.deepEqual(textsOf(again.take(9, 1e9)), ['c']);
  });
});

test('a restored copy gives no sequence again that the region has seen: numbered entries are sent alone, then the id is new', () => {
  withStore((open, stateDir) => {
    const store = open();
    store.addReports('life', [report(1, 'a'), report(2, 'b')], 0);
    all(store);
    store.acknowledge(1, 0);
    store.close();
    copyFileSync(join(stateDir, 'outbox.db'), join(stateDir, 'copy'));
    const later = open();
    assert.deepEqual(textsOf(all(later)), ['b']);
    later.acknowledge(2, 0);
    later.addReports('life', [report(3, 'c'), report(4, 'd')], 0);
    const seen = all(later).map(({ sequence }) => `${later.id} ${sequence}`);
    later.close();
    copyFileSync(join(stateDir, 'copy'), join(stateDir, 'outbox.db'));
    const restored = open();
    restored.addReports('other life', [report(1, 'e'), report(2, 'f')], 0);
    assert.deepEqual(textsOf(all(restored)), ['b']);
    assert.equal(restored.id, store.id);
    restored.acknowledge(2, 0);
    const next = all(restored);
    assert.deepEqual(textsOf(next), ['e', 'f']);
    assert.ok(next.every(({ sequence }) => !seen.includes(`${restored.id} ${sequence}`)));
    assert.notEqual(restored.id, store.id);
  });
});

test('a batch keeps within its bytes, but holds at least one entry', () => {
  withStore((open) => {
    const store = open();
    for (const letter of ['a', 'b', 'c']) store.addPost(post(letter.repeat(1000)));
    assert.equal(store.take(10, 100).length, 1);
    assert.equal(store.take(10, 2500).length, 2);
  });
});

test('at the bound the oldest info reports go first, then warnings; posts stay, and further posts are refused', () => {
  withStore((open) => {
    const store = open(SMALL);
    const events = [
      report(1, 'i1'),
      report(2, 'w1', 'warning'),
      report(3, 'i2', 'debug'),
      ...[4, 5, 6].map((sequence) => report(sequence, `e${sequence}`, 'error')),
    ];
    store.addReports('life', events, 0);
    for (let index = 0; index < 4; index += 1) store.addPost(post(`p${index}`, `10.20.0.${index}`));
    assert.equal(store.length, 10);
    store.addReports('life', [report(7, 'w2', 'warning')], 0);
    assert.deepEqual(textsOf(open(SMALL).take(2, 1e9)).length, 2);
    assert.deepEqual(store.dropped, { 'test.info': 1 });
    for (let index = 4; index < 10; index += 1) store.addPost(post(`p${index}`, `10.20.0.${index}`));
    assert.equal(store.length, 10);
    const { refused } = store.addPost(post('one too many'));
    // The two taken entries have their sequences and stay.
    assert.equal(refused, true);
    const left = textsOf(all(store));
    assert.equal(left.filter((text) => text.startsWith('p')).length, 8);
    const dropped = Object.values(store.dropped).reduce((sum, count) => sum + count, 0);
    assert.equal(store.missed, dropped);
  });
});

test('an info event is dropped itself if no less important event waits', () => {
  withStore((open) => {
    const store = open(SMALL);
    for (let sequence = 1; sequence <= 10; sequence += 1)
      store.addReports('life', [report(sequence, `w${sequence}`, 'warning')], 0);
    assert.equal(store.addReports('life', [report(11, 'i')], 0).dropped, 1);
    assert.deepEqual(textsOf(all(store))[0], 'w1');
    assert.equal(store.length, 10);
    assert.equal(store.readStoredSequence('life'), 11);
  });
});

test('posts take at most half of the bytes', () => {
  withStore((open) => {
    const store = open(SMALL);
    store.addReports('life', [report(1, 'w', 'warning')], 0);
    let kept = 0;
    while (!store.addPost(post('x'.repeat(500), `10.20.0.${kept}`)).refused) kept += 1;
    assert.ok(kept >= 2 && kept <= 3, `${kept} posts`);
    assert.equal(store.missed, 0);
    assert.equal(textsOf(all(store))[0], 'w');
  });
});

test('a machine that posts without end leaves room for others’ posts, after a restart and after some were sent', () => {
  withStore((open) => {
    const bounds: OutboxBounds = { entriesMax: 1000, bytesMax: 200_000, deadLettersMax: 3 };
    const store = open(bounds);
    const body = 'x'.repeat(1000);
    const fill = (into: OutboxStore): number => {
      let kept = 0;
      while (kept < 1000 && !into.addPost(post(body, '10.20.0.66')).refused) kept += 1;
      return kept;
    };
    const kept = fill(store);
    const machines = Array.from({ length: 20 }, (_, index) => `10.20.0.${100 + index}`);
    const refused = machines.filter((peer) => store.addPost(post(body, peer)).refused);
    assert.deepEqual(refused, []);
    assert.ok(kept >= 40 && kept <= 44, `${kept} posts of one machine`);
    store.close();
    const again = open(bounds);
    assert.equal(fill(again), 0);
    assert.equal(again.addPost(post(body, '10.20.0.130')).refused, false);
    again.take(kept, 1e9);
    assert.ok(fill(again) > 20, 'entries being sent take no room from waiting ones');
  });
});

test('a post larger than the outbox is refused and pushes nothing out', () => {
  withStore((open) => {
    const store = open(SMALL);
    store.addReports('life', [report(1, 'a')], 0);
    assert.deepEqual(store.addPost(post('x'.repeat(5000))), { dropped: 0, refused: true });
    assert.equal(store.length, 1);
    assert.equal(store.missed, 0);
  });
});

test('events lost before the outbox are counted with the next batch, once', () => {
  withStore((open) => {
    const store = open();
    store.addReports('life', [report(1, 'a')], 7);
    assert.equal(store.missed, 7);
    store.acknowledge(0, 7);
    assert.equal(open().missed, 0);
  });
});

test('refused entries are kept with their reason, up to a bound, and can be sent again or dropped', () => {
  withStore((open) => {
    const store = open(SMALL);
    store.addReports(
      'life',
      [1, 2, 3, 4, 5].map((sequence) => report(sequence, `e${sequence}`)),
      0,
    );
    all(store);
    for (const sequence of [1, 2, 3, 4]) store.bury(sequence, `no: ${sequence}`, 9);
    assert.equal(store.deadLetterCount, 3);
    assert.equal(store.length, 1);
    assert.deepEqual([store.dropped, store.missed], [{ 'dead-letter': 1 }, 1], 'the one that had no room is counted');
    const [first, second] = open(SMALL).listDeadLetters();
    assert.deepEqual([first?.sequence, first?.reason, first?.atMs], [2, 'no: 2', 9]);
    assert.equal(store.retry(first?.id ?? 0), true);
    assert.equal(store.retry(first?.id ?? 0), false);
    assert.equal(store.drop(second?.id ?? 0), true);
    assert.equal(store.drop(second?.id ?? 0), false);
    assert.equal(store.deadLetterCount, 1);
    store.acknowledge(5, 0);
    assert.deepEqual(
      all(store).map(({ sequence }) => sequence),
      [6],
    );
  });
});

test('after renumbering, all waiting entries are numbered from 1 under a new id', () => {
  withStore((open) => {
    const store = open();
    store.addReports('life', [report(1, 'a'), report(2, 'b')], 0);
    all(store);
    const { id } = store;
    store.renumber();
    assert.notEqual(store.id, id);
    assert.deepEqual(
      all(store).map(({ sequence }) => sequence),
      [1, 2],
    );
    assert.equal(open().id, store.id);
  });
});

test('while another process holds the file, adding fails and adds nothing; afterwards it works', {
  timeout: 20_000,
}, () => {
  withStore((open, stateDir) => {
    const store = open();
    const holder = new DatabaseSync(join(stateDir, 'outbox.db'));
    holder.exec('BEGIN IMMEDIATE');
    const isUnavailable = (error: unknown) => error instanceof RackError && error.code === 'store-unavailable';
    assert.throws(() => store.addReports('life', [report(1, 'a')], 3), isUnavailable);
    holder.exec('ROLLBACK');
    holder.close();
    assert.equal(store.length, 0);
    assert.equal(store.missed, 0);
    store.addReports('life', [report(1, 'a')], 3);
    assert.equal(store.length, 1);
  });
});

test('counts in memory match the file after any operation', () => {
  withStore((open) => {
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed);
      const store = open(SMALL);
      let own = store.readStoredSequence(`life ${seed}`);
      let top = 0;
      for (let step = 0; step < 300; step += 1) {
        const chance = random();
        if (chance < 0.5) {
          own += 1;
          const level = (['debug', 'info', 'warning', 'error'] as const)[Math.floor(random() * 4)];
          store.addReports(`life ${seed}`, [report(own, 'x'.repeat(random() * 400), level)], 0);
        } else if (chance < 0.6) store.addPost(post('y'.repeat(random() * 900)));
        else if (chance < 0.8) top = store.take(Math.ceil(random() * 5), 2000).at(-1)?.sequence ?? top;
        else if (chance < 0.9) store.acknowledge(Math.floor(top * random()), 0);
        else if (top > 0) store.bury(top, 'refused', step);
        const again = open(SMALL);
        assert.deepEqual(
          [again.length, again.missed, again.dropped, again.deadLetterCount],
          [store.length, store.missed, store.dropped, store.deadLetterCount],
          `seed ${seed} step ${step}`,
        );
        again.close();
      }
      store.close();
    }
  });
});

test('version 1 of the file is read unchanged', () => {
  withStore((open, stateDir) => {
    copyFileSync(new URL('../../../fixtures/state/outbox-1.db', import.meta.url), join(stateDir, 'outbox.db'));
    const store = open();
    assert.equal(store.length, 3);
    assert.equal(store.missed, 2);
    assert.equal(store.deadLetterCount, 1);
    assert.deepEqual(store.dropped, { 'lost-before-the-outbox': 2 });
    assert.equal(store.readStoredSequence('first life'), 3);
    assert.deepEqual(
      all(store).map(({ sequence }) => sequence),
      [2],
    );
    store.acknowledge(2, 2);
    assert.deepEqual(textsOf(all(store)), ['architecture=amd64', 'third']);
    assert.equal(store.listDeadLetters()[0]?.reason, 'invalid-parameters');
  });
});

test('by default OUTBOX_BOUNDS applies: the oldest dead letters go, and the oldest reports', () => {
  withStore((open) => {
    const store = open();
    const letters = OUTBOX_BOUNDS.deadLettersMax + 1;
    store.addReports(
      'life',
      Array.from({ length: letters }, (_, index) => report(index + 1, 'x')),
      0,
    );
    for (const { sequence } of store.take(letters, 1e9)) store.bury(sequence, 'refused', 1);
    assert.equal(store.deadLetterCount, OUTBOX_BOUNDS.deadLettersMax);
    assert.equal(store.length, 0);
    const reports = Array.from({ length: OUTBOX_BOUNDS.entriesMax + 1 }, (_, index) => report(index + 1, 'y'));
    assert.equal(store.addReports('other life', reports, 0).dropped, 1);
    assert.equal(store.length, OUTBOX_BOUNDS.entriesMax);
  });
});
