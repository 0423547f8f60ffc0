// Assigns tags with a definition, by the hardware that machines report.
//
// Source: MAAS's rule that such a tag is evaluated when a machine has been commissioned, and for
// all machines when the definition changes.
//
// 1. A New machine gets no tag: a stranger may have reported it, and a tagged machine would never
//    give way to another.

import { hardwareTree } from '../records/lshw.ts';
import type { Machine } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';
import { type HardwareTest, parseXpath } from '../records/xpath.ts';

export function changeFor(machine: Machine, tag: string, matches: HardwareTest): 'add' | 'remove' | undefined {
  if (machine.status === 'new') return undefined;
  const has = machine.tags.some(({ name }) => name === tag);
  const isMatch = machine.facts !== undefined && matches(hardwareTree(machine));
  return has === isMatch ? undefined : isMatch ? 'add' : 'remove';
}

export async function tagByHardware(store: RegionStore, machine: Machine, atMs: number): Promise<void> {
  if (machine.status === 'new') return;
  for (const { name, definition = '' } of await store.life.listTags()) {
    const parsed = parseXpath(definition);
    const change = parsed.kind === 'xpath' ? changeFor(machine, name, parsed.matches) : undefined;
    if (change === undefined) continue;
    const [add, remove] = change === 'add' ? [[machine.systemId], []] : [[], [machine.systemId]];
    const event = { type: 'TAG', code: 'tag-assigned', params: { tag: name }, atMs, username: '' } as const;
    await store.life.tagMachines(name, add, remove, event);
  }
}
