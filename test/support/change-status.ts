// Puts a machine into a state without the work that leads there, so that a test can start in that state.

import { enterStatus } from '../../src/region/life/status-change.ts';
import { checkTransition, type TransitionRefusal } from '../../src/region/life/transition.ts';
import type { MachineChangeOutcome } from '../../src/region/records/decisions.ts';
import type { MachineStatus } from '../../src/region/records/lifecycle.ts';
import type { Region } from '../../src/region/region.ts';

/** Moves the machine with all consequences; throws if the life of machines has no such step. */
export async function changeStatus(
  region: Region,
  systemId: string,
  to: MachineStatus,
  by: { readonly username: string; readonly message?: string | undefined },
): Promise<MachineChangeOutcome<TransitionRefusal>> {
  const { store, clock } = region;
  const atMs = clock.wallTimeMs();
  const outcome = await store.changeMachine<TransitionRefusal>(systemId, atMs, (machine) => {
    const refusal = checkTransition(machine.status, to);
    if (refusal !== undefined) return { kind: 'refuse', refusal };
    return enterStatus(machine, to, { atMs, clock, ...by });
  });
  if (outcome.kind === 'changed') await region.machinesChanged();
  return outcome;
}
