// The scripts of one machine at work: its run begins with its job, is told in signals, and decides how the work ends.
//
//   begin (the agent asks for the list) ─► it fetches and runs them ─► take (each signal) ─► OK or FAILED of the whole work
//
// 1. What a machine may fetch is of its own newest run, and has not ended.
// 2. A machine that asks for the list again begins anew: what it had not ended before is aborted.

import type { Clock } from '../../clock.ts';
import type { Machine } from '../records/machine.ts';
import type { ScriptKind, ScriptResult } from '../records/script-store.ts';
import type { RegionStore } from '../records/store.ts';
import { failureOf, isOverdue, planRun, takeNews } from '../scripts/script-run.ts';
import type { Signal } from './signal.ts';

/** What runs on a machine in its present state; undefined: nothing does. */
function purposeOf({ status }: Machine): ScriptKind | undefined {
  return status === 'commissioning' || status === 'testing' ? status : undefined;
}

export class MachineScripts {
  readonly #store: RegionStore;
  readonly #clock: Clock;

  constructor(store: RegionStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** How many scripts the run of a machine has; undefined: it has no run now. */
  count(machine: Machine): number | undefined {
    const purpose = purposeOf(machine);
    return purpose === undefined
      ? undefined
      : planRun(purpose, this.#store.scripts.listScripts(), machine.work?.scripts).length;
  }

  /** Begins the run of a machine. @returns what is to be run, a line each: id, kind, seconds that it may take, name */
  begin(machine: Machine): string {
    const purpose = purposeOf(machine);
    if (purpose === undefined) return '';
    const { scripts } = this.#store;
    const atMs = this.#clock.wallTimeMs();
    const planned = planRun(purpose, scripts.listScripts(), machine.work?.scripts);
    const results = scripts.beginRun(machine.systemId, purpose, planned, atMs) ?? [];
    const run = results[0]?.run;
    this.#store.changeMachine<never>(machine.systemId, atMs, ({ work }) => ({
      kind: 'change',
      fields: work === undefined ? {} : { work: { ...work, run } },
      events: [],
    }));
    return results.map(({ id, kind, timeoutSeconds, name }) => `${id} ${kind} ${timeoutSeconds} ${name}\n`).join('');
  }

  /** The text of one of them; undefined: there is none of that id, or it was removed. */
  content(machine: Machine, id: number): string | undefined {
    const result = this.#open(machine).find((open) => open.id === id);
    return result === undefined || result.kind === 'builtin'
      ? undefined
      : this.#store.scripts.findScript(result.name)?.content;
  }

  /** Keeps what a signal tells of a script. @returns the signal as the life of the machine shall see it */
  take(machine: Machine, signal: Signal): Signal {
    const purpose = purposeOf(machine);
    if (purpose === undefined) return signal;
    const { news } = signal;
    const atMs = this.#clock.wallTimeMs();
    let isLate = false;
    if (news !== undefined) {
      this.#store.scripts.changeResult(machine.systemId, news.id, (result) => {
        isLate = news.ended === undefined && isOverdue(result, atMs);
        return takeNews(result, isLate ? { ...news, ended: 'timed-out' } : news, atMs);
      });
    }
    if (signal.status === 'WORKING' && !isLate) return signal;
    const failure = this.#failure(machine);
    return failure === undefined ? signal : { status: 'FAILED', stage: signal.stage, message: failure };
  }

  #failure(machine: Machine): string | undefined {
    const run = machine.work?.run;
    return run === undefined ? undefined : failureOf(this.#store.scripts.listResults(machine.systemId, { run }));
  }

  #open(machine: Machine): readonly ScriptResult[] {
    if (purposeOf(machine) === undefined) return [];
    const results = this.#store.scripts.listResults(machine.systemId, { runs: 1, withOutput: false });
    return results.filter(({ endedMs }) => endedMs === undefined);
  }
}
