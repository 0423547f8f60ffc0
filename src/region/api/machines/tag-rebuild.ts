// Evaluates the definition of a tag on all machines, a few in each step.
//
// 1. The tag may change meanwhile. Then nothing more is assigned by the definition that was read:
//    the later change assigns its own.

import { changeFor } from '../../life/tagging.ts';
import { machineChunks } from '../../records/machine-chunks.ts';
import type { NewMachineEvent } from '../../records/machine-event.ts';
import { TAGGED_MAX } from '../../records/tags.ts';
import { parseXpath } from '../../records/xpath.ts';
import type { Answer } from '../call/answer.ts';
import { searchFor } from '../call/long-answers.ts';
import type { ApiCall } from '../call/operation.ts';

/** Machines that are evaluated in one step. */
const EVALUATED_AT_ONCE = 20;

/**
 * Assigns a tag by its definition, then answers with `done`. A tag without one stays as people
 * assigned it.
 */
export async function rebuildTag(
  call: ApiCall,
  tag: { readonly name: string; readonly definition?: string | undefined },
  event: NewMachineEvent,
  done: () => Answer,
): Promise<Answer> {
  const parsed = parseXpath(tag.definition ?? '');
  if (parsed.kind === 'fault') return done();
  const { store } = call.region;
  return await searchFor(call, steps());

  async function* steps(): AsyncGenerator<undefined, Answer> {
    const changes: { readonly add: string[]; readonly remove: string[] } = { add: [], remove: [] };
    for await (const machines of machineChunks(store, {}, EVALUATED_AT_ONCE)) {
      for (const machine of machines) {
        const change = parsed.kind === 'xpath' ? changeFor(machine, tag.name, parsed.matches) : undefined;
        if (change !== undefined) changes[change].push(machine.systemId);
      }
      yield;
    }
    while (changes.add.length + changes.remove.length > 0) {
      const [add, remove] = [changes.add.splice(0, TAGGED_MAX), changes.remove.splice(0, TAGGED_MAX)];
      const isCurrent = await store.transact(async () => {
        const now = (await store.life.listTags()).find(({ name }) => name === tag.name);
        if (now === undefined || (now.definition ?? '') !== (tag.definition ?? '')) return false;
        return (await store.life.tagMachines(tag.name, add, remove, event)) !== undefined;
      });
      if (!isCurrent) break;
      yield;
    }
    await call.region.machinesChanged();
    return done();
  }
}
