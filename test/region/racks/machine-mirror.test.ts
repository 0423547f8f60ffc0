// The mirror of machines for racks.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mac } from '../../../src/ground/address.ts';
import { CHANGED_MACHINES_MAX, CHANGES_KEPT_MAX, MachineMirror } from '../../../src/region/racks/machine-mirror.ts';
import type { MachineForRacks } from '../../../src/region/records/machine.ts';
import type { SettledVersion } from '../../../src/region/records/store.ts';

const UUIDS = [undefined, '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002'];

/** The machines of a store in memory, with the version of each change. */
class MirroredStore {
  readonly machines = new Map<string, { readonly machine: MachineForRacks; readonly version: number }>();
  readonly #gone: { readonly systemId: string; readonly version: number }[] = [];
  #version = 0;
  #history = 1;

  put(id: number, uuid: string | undefined): void {
    this.#version += 1;
    const machine: MachineForRacks = {
      id,
      systemId: `m${id}`,
      hostname: `node-${id}`,
      domain: 'maas',
      status: 'ready',
      architecture: 'amd64',
      subarchitecture: 'generic',
      netboot: true,
      tags: [],
      addresses: [],
      uuid,
      release: '',
      interfaces: [{ id, mac: mac(id), name: '', source: 'vouched' }],
    };
    this.machines.set(machine.systemId, { machine, version: this.#version });
  }

  remove(id: number): void {
    if (!this.machines.delete(`m${id}`)) return;
    this.#version += 1;
    this.#gone.push({ systemId: `m${id}`, version: this.#version });
  }

  /** Another server takes over, which lacks the changes after a version: new machines in this test. */
  takeOver(after: number): void {
    for (const [systemId, { version }] of this.machines) if (version > after) this.machines.delete(systemId);
    this.#version = after;
    this.#history += 1;
  }

  settledVersion = async (): Promise<SettledVersion> => ({ version: this.#version, history: String(this.#history) });

  listGone = async (since: number): Promise<readonly string[]> =>
    this.#gone.flatMap(({ systemId, version }) => (version > since ? [systemId] : []));

  listMachinesForRacks = async (since: number, afterId: number, limit: number): Promise<readonly MachineForRacks[]> =>
    [...this.machines.values()]
      .filter(({ machine, version }) => version > since && machine.id > afterId)
      .map(({ machine }) => machine)
      .sort((a, b) => a.id - b.id)
      .slice(0, limit);
}

const shown = (mirror: MachineMirror): ReadonlyMap<string, string | undefined> =>
  new Map(mirror.list().map(({ systemId, uuid }) => [systemId, uuid]));

test('whatever changes, a UUID that several machines show is shown of none, and the changes since any version are complete', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ id: fc.integer({ min: 1, max: 6 }), uuid: fc.constantFrom('gone', ...UUIDS) }), {
        maxLength: 25,
      }),
      async (steps) => {
        const store = new MirroredStore();
        const mirror = new MachineMirror(store);
        const seen: { readonly version: number; readonly contents: ReadonlyMap<string, string | undefined> }[] = [];
        for (const { id, uuid } of steps) {
          if (uuid === 'gone') store.remove(id);
          else store.put(id, uuid);
          await mirror.refresh();
          const stored = [...store.machines.values()].map(({ machine }) => machine);
          const own = stored.map(({ systemId, uuid: one }) => {
            const isShared = stored.filter((other) => other.uuid === one).length > 1;
            return [systemId, isShared ? undefined : one] as const;
          });
          const contents = shown(mirror);
          assert.deepEqual(contents, new Map(own));
          for (const { version, contents: before } of seen) {
            const changed = mirror.changedSince(version) ?? assert.fail(`the changes since ${version} are forgotten`);
            for (const systemId of new Set([...before.keys(), ...contents.keys()]))
              if (before.get(systemId) !== contents.get(systemId) || before.has(systemId) !== contents.has(systemId))
                assert.ok(changed.has(systemId), `${systemId} is missing in the changes since ${version}`);
          }
          seen.push({ version: mirror.version, contents });
        }
      },
    ),
  ));

test('changes are remembered up to a bound, and so are those of one read', async () => {
  const store = new MirroredStore();
  const mirror = new MachineMirror(store);
  store.put(1, undefined);
  await mirror.refresh();
  const first = mirror.version;
  for (let count = 0; count < CHANGES_KEPT_MAX; count += 1) {
    store.put(1, undefined);
    await mirror.refresh();
  }
  assert.deepEqual(mirror.changedSince(first), new Set(['m1']));
  store.put(1, undefined);
  await mirror.refresh();
  assert.deepEqual([mirror.changedSince(first), mirror.changedSince(first + 1)], [undefined, new Set(['m1'])]);
  const last = mirror.version;
  for (let id = 1; id <= CHANGED_MACHINES_MAX + 1; id += 1) store.put(id, undefined);
  await mirror.refresh();
  assert.deepEqual([mirror.changedSince(last), mirror.changedSince(mirror.version)], [undefined, new Set()]);
});

test('a server that took over is read whole, although it has the version that the mirror has', async () => {
  const store = new MirroredStore();
  const announced: (readonly string[])[] = [];
  const mirror = new MachineMirror(store, (systemIds) => void announced.push(systemIds));
  store.put(1, undefined);
  await mirror.refresh();
  store.put(2, undefined);
  await mirror.refresh();
  store.takeOver(1);
  store.put(3, undefined);
  await mirror.refresh();
  assert.deepEqual([[...shown(mirror).keys()], mirror.version, mirror.rewinds], [['m1', 'm3'], 2, 1]);
  assert.equal(mirror.changedSince(1), undefined);
  assert.deepEqual(announced, [['m2'], ['m1', 'm2', 'm3']]);
});
