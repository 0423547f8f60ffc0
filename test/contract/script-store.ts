// The contract of every region store for scripts and their results, called by the test of each implementation.

import assert from 'node:assert/strict';
import {
  OUTPUT_BYTES_MAX,
  type PlannedScript,
  RUNS_MAX,
  type WrittenScript,
} from '../../src/region/records/script-store.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { addMachine, EVENT, setFields } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

const SCRIPT: WrittenScript = {
  name: 'burn-in',
  kind: 'commissioning',
  title: '',
  description: 'for an hour',
  timeoutSeconds: 60,
  position: 50,
  tags: ['slow', 'heat'],
  hardware: 'memory',
  parallel: 'instance',
  isDestructive: true,
  content: '#!/bin/sh\necho grüße\n',
  changedMs: 7,
};
const PLAN: readonly PlannedScript[] = [
  { name: 'inventory', kind: 'builtin', timeoutSeconds: 10 },
  { name: 'burn-in', kind: 'commissioning', timeoutSeconds: 60 },
];

const create = (store: RegionStore, systemId: string, nic: number) =>
  addMachine(store, systemId, [nic], { status: 'commissioning' });

const statuses = async (store: RegionStore, systemId: string): Promise<string[]> =>
  (await store.scripts.listResults(systemId)).map(({ name, status }) => `${name} ${status}`);

export function testScriptStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check('scripts are stored whole, in running order, with unique names, up to a bound', async (store, place) => {
    const { scripts } = store;
    assert.deepEqual(await scripts.listScripts(), []);
    const added = await scripts.addScript(SCRIPT, 3, EVENT);
    assert.ok(typeof added === 'object');
    const { content: _content, ...facts } = SCRIPT;
    assert.deepEqual(added, { ...facts, id: added.id, bytes: Buffer.byteLength(SCRIPT.content) });
    assert.equal(await scripts.addScript({ ...SCRIPT, kind: 'testing' }, 3, EVENT), 'exists');
    await scripts.addScript({ ...SCRIPT, name: 'early', position: 1 }, 3, EVENT);
    await scripts.addScript({ ...SCRIPT, name: 'a-test', kind: 'testing' }, 3, EVENT);
    assert.equal(await scripts.addScript({ ...SCRIPT, name: 'more' }, 3, EVENT), 'limit');
    const other = await place.open();
    assert.deepEqual(
      (await other.scripts.listScripts()).map(({ name }) => name),
      ['early', 'a-test', 'burn-in'],
    );
    assert.deepEqual(
      (await other.scripts.listScripts('testing')).map(({ name }) => name),
      ['a-test'],
    );
    assert.equal((await other.scripts.findScript('burn-in'))?.content, SCRIPT.content);
    await other.close();
  });

  check('a script is replaced, renamed and removed, and each is an event', async (store) => {
    const { scripts } = store;
    await scripts.addScript(SCRIPT, 9, EVENT);
    await scripts.addScript({ ...SCRIPT, name: 'other' }, 9, EVENT);
    assert.equal(await scripts.changeScript('none', SCRIPT, EVENT), 'not-found');
    assert.equal(await scripts.changeScript('burn-in', { ...SCRIPT, name: 'other' }, EVENT), 'exists');
    const changed = await scripts.changeScript('burn-in', { ...SCRIPT, name: 'burnt', content: '#!/bin/sh\n' }, EVENT);
    assert.ok(typeof changed === 'object' && changed.bytes === 10);
    assert.equal(await scripts.removeScript('burn-in', EVENT), false);
    assert.equal(await scripts.removeScript('burnt', EVENT), true);
    assert.equal(await scripts.findScript('burnt'), undefined);
    assert.equal((await store.listEvents({ limit: 10 })).length, 4);
  });

  check('a script gets tags up to a bound, each once, and loses them; each change is an event', async (store) => {
    const { scripts } = store;
    await scripts.addScript({ ...SCRIPT, tags: [] }, 9, EVENT);
    const tag = async (word: string, isThere: boolean): Promise<unknown> => {
      const tagged = await scripts.tagScript('burn-in', word, isThere, 2, EVENT);
      return typeof tagged === 'object' ? tagged.tags.join(' ') : tagged;
    };
    assert.deepEqual(
      [await tag('b', true), await tag('a', true), await tag('b', true), await tag('c', true)],
      ['b', 'b a', 'b a', 'limit'],
    );
    assert.deepEqual((await scripts.findScript('burn-in'))?.tags, ['b', 'a']);
    assert.deepEqual([await tag('b', false), await tag('b', false)], ['a', 'a']);
    assert.equal(await scripts.tagScript('none', 'a', true, 2, EVENT), 'not-found');
    assert.equal((await store.listEvents({ limit: 10 })).length, 4);
    const changed = await scripts.changeScript('burn-in', { ...SCRIPT, parallel: 'any', isDestructive: false }, EVENT);
    assert.ok(typeof changed === 'object');
    assert.deepEqual([changed.tags, changed.parallel, changed.isDestructive], [['slow', 'heat'], 'any', false]);
  });

  check('a run starts pending; it replaces an unstarted run, and aborts a started one', async (store) => {
    await create(store, 'aaaaaa', 1);
    assert.equal(await store.scripts.beginRun('zzzzzz', 'commissioning', PLAN, 5), undefined);
    const first = (await store.scripts.beginRun('aaaaaa', 'commissioning', PLAN, 5)) ?? [];
    assert.deepEqual(await statuses(store, 'aaaaaa'), ['inventory pending', 'burn-in pending']);
    const second = (await store.scripts.beginRun('aaaaaa', 'commissioning', PLAN, 6)) ?? [];
    assert.equal((await store.scripts.listResults('aaaaaa')).length, 2, 'nothing had begun');
    assert.ok((second[0]?.run ?? 0) > (first[0]?.run ?? 0));
    const [one] = second;
    await store.scripts.changeResult('aaaaaa', one?.id ?? 0, () => ({ status: 'running', startedMs: 7 }));
    await store.scripts.beginRun('aaaaaa', 'testing', PLAN.slice(1), 8);
    assert.deepEqual(await statuses(store, 'aaaaaa'), ['burn-in pending', 'inventory aborted', 'burn-in aborted']);
    assert.equal((await store.scripts.listResults('aaaaaa', { runs: 1 }))[0]?.purpose, 'testing');
    assert.equal(
      await store.scripts.changeResult('aaaaaa', one?.id ?? 0, () => assert.fail('it is of an older run')),
      undefined,
    );
  });

  check('only results of the machine’s newest run change, and only until they have ended', async (store) => {
    await create(store, 'aaaaaa', 1);
    await create(store, 'bbbbbb', 2);
    const [result] = (await store.scripts.beginRun('aaaaaa', 'commissioning', PLAN, 5)) ?? [];
    const id = result?.id ?? 0;
    assert.equal(await store.scripts.changeResult('bbbbbb', id, () => assert.fail('it is another one’s')), undefined);
    const tail = Buffer.alloc(OUTPUT_BYTES_MAX, 0x61);
    const ended = await store.scripts.changeResult('aaaaaa', id, () => ({
      status: 'failed',
      exitStatus: 3,
      startedMs: 6,
      endedMs: 7,
      tail,
      outputBytes: 99_999,
    }));
    assert.equal(ended?.status, 'failed');
    assert.equal((await store.scripts.changeResult('aaaaaa', id, () => assert.fail('it has ended')))?.exitStatus, 3);
    const [read] = await store.scripts.listResults('aaaaaa');
    assert.deepEqual([read?.output.length, read?.outputBytes, read?.endedMs], [OUTPUT_BYTES_MAX, 99_999, 7]);
    assert.equal((await store.scripts.listResults('aaaaaa', { withOutput: false }))[0]?.output, '');
    assert.deepEqual(await store.scripts.listResults('aaaaaa', { run: (result?.run ?? 0) + 1 }), []);
  });

  check(
    'unfinished scripts are aborted when their machine changes its status; results are removed with the machine',
    async (store) => {
      await create(store, 'aaaaaa', 1);
      await store.scripts.beginRun('aaaaaa', 'commissioning', PLAN, 5);
      await setFields(store, 'aaaaaa', { description: 'x' });
      assert.deepEqual(await statuses(store, 'aaaaaa'), ['inventory pending', 'burn-in pending']);
      await setFields(store, 'aaaaaa', { status: 'new', statusSinceMs: 9 }, {}, 9);
      assert.deepEqual(await statuses(store, 'aaaaaa'), ['inventory aborted', 'burn-in aborted']);
      assert.equal((await store.scripts.listResults('aaaaaa'))[0]?.endedMs, 9);
      await store.removeMachine('aaaaaa', EVENT);
      assert.deepEqual(await store.scripts.listResults('aaaaaa'), []);
    },
  );

  check(`the newest ${RUNS_MAX} runs of a machine are kept`, async (store) => {
    await create(store, 'aaaaaa', 1);
    for (let count = 0; count < RUNS_MAX + 3; count += 1) {
      const [result] = (await store.scripts.beginRun('aaaaaa', 'commissioning', PLAN.slice(1), count)) ?? [];
      await store.scripts.changeResult('aaaaaa', result?.id ?? 0, () => ({ status: 'passed', endedMs: count }));
    }
    const kept = (await store.scripts.listResults('aaaaaa')).map(({ endedMs }) => endedMs);
    assert.deepEqual(kept, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
  });
}
