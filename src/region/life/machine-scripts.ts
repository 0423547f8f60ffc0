// The script runs of machines at work.
//
//   begin (the agent fetches the list) ─► it fetches and runs the scripts ─► take (each signal) ─► OK or FAILED of the whole work
//
// 1. A machine may fetch only unfinished scripts of its own newest run.
// 2. Fetching the list again starts a new run, which aborts the old one.

import type { Clock } from '../../ground/clock.ts';
import type { Happening } from '../records/events.ts';
import type { Machine } from '../records/machine.ts';
import type { ScriptKind, ScriptResult } from '../records/script-store.ts';
import type { RegionStore } from '../records/store.ts';
import { findRunFailure, isOverdue, planRun, takeNews } from '../scripts/script-run.ts';
import type { Signal } from './signal.ts';

function findScriptPurpose({ status }: Machine): ScriptKind | undefined {
  return status === 'commissioning' || status === 'testing' ? status : undefined;
}

export class MachineScripts {
  readonly #store: RegionStore;
  readonly #clock: Clock;

  constructor({ store, clock }: { readonly store: RegionStore; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  async count(machine: Machine): Promise<number | undefined> {
    const purpose = findScriptPurpose(machine);
    return purpose === undefined
      ? undefined
      : planRun(purpose, await this.#store.scripts.listScripts(), machine.work?.scripts).length;
  }

  /** @returns one line for each script: id, kind, time limit in seconds, name */
  async begin(machine: Machine): Promise<string> {
    const purpose = findScriptPurpose(machine);
    if (purpose === undefined) return '';
    const { scripts } = this.#store;
    const atMs = this.#clock.wallTimeMs();
    const planned = planRun(purpose, await scripts.listScripts(), machine.work?.scripts);
    const results = (await scripts.beginRun(machine.systemId, purpose, planned, atMs)) ?? [];
    const run = results[0]?.run;
    await this.#store.changeMachine<never>(machine.systemId, atMs, ({ work }) => ({
      kind: 'change',
      fields: work === undefined ? {} : { work: { ...work, run } },
      events: [],
    }));
    return results.map(({ id, kind, timeoutSeconds, name }) => `${id} ${kind} ${timeoutSeconds} ${name}\n`).join('');
  }

  /** `undefined` if the run has no unfinished script with this id, or it was removed. */
  async content(machine: Machine, id: number): Promise<string | undefined> {
    const result = (await this.#open(machine)).find((open) => open.id === id);
    return result === undefined || result.kind === 'builtin'
      ? undefined
      : (await this.#store.scripts.findScript(result.name))?.content;
  }

  /** @returns the signal for the machine's life cycle: FAILED if a script failed */
  async take(machine: Machine, signal: Signal): Promise<Signal> {
    const purpose = findScriptPurpose(machine);
    if (purpose === undefined) return signal;
    const { news } = signal;
    const atMs = this.#clock.wallTimeMs();
    let isLate = false;
    if (news !== undefined) {
      await this.#store.scripts.changeResult(machine.systemId, news.id, (result) => {
        isLate = news.ended === undefined && isOverdue(result, atMs);
        return takeNews(result, isLate ? { ...news, ended: 'timed-out' } : news, atMs);
      });
    }
    if (signal.status === 'WORKING' && !isLate) return signal;
    const fault = await this.#fault(machine);
    return fault === undefined ? signal : { status: 'FAILED', stage: signal.stage, message: '', fault };
  }

  async #fault(machine: Machine): Promise<Happening<'scripts-failed'> | undefined> {
    const run = machine.work?.run;
    return run === undefined
      ? undefined
      : findRunFailure(await this.#store.scripts.listResults(machine.systemId, { run }));
  }

  async #open(machine: Machine): Promise<readonly ScriptResult[]> {
    if (findScriptPurpose(machine) === undefined) return [];
    const results = await this.#store.scripts.listResults(machine.systemId, { runs: 1, withOutput: false });
    return results.filter(({ endedMs }) => endedMs === undefined);
  }
}
