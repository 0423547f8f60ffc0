// Actions on many machines under way, and those that ended lately: one operation after the other,
// in this process.
//
//   start ──► under way: done and refused grow ──► ended
//
// 1. A run goes on without its page. It ends with its process: what it has not reached then stays as it was.
// 2. Each machine is its own transaction with its own rights; a refused one stops nothing.
// 3. A user has at most RUNS_MAX runs. A further one replaces their oldest that has ended, and is
//    refused while all are under way.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { errorText } from '../../../ground/errors.ts';
import type { Answer } from '../../api/call/answer.ts';
import type { Region } from '../../region.ts';
import { formatRefusal } from '../frame/view.ts';

const RUNS_MAX = 4;
/** Refusals that a run remembers; the rest are counted. */
export const REFUSALS_MAX = 100;
const ID_BYTES = 9;

/** A machine as the list knew it when the run started. */
interface Target {
  readonly systemId: string;
  readonly hostname: string;
}

interface ManyRun {
  readonly id: string;
  readonly username: string;
  readonly label: string;
  readonly total: number;
  /** The query of the list from which it was started. */
  readonly query: string;
  done: number;
  refused: number;
  readonly refusals: { readonly machine: Target; readonly why: string }[];
  state: 'under way' | 'ended' | 'broken';
}

/** Of one region, in this process. */
class ManyRuns {
  readonly #region: Region;
  /** The oldest first. */
  #runs: ManyRun[] = [];

  constructor(region: Region) {
    this.#region = region;
  }

  find(id: string, username: string): ManyRun | undefined {
    return this.#runs.find((run) => run.id === id && run.username === username);
  }

  /** @returns undefined while too many of the user are under way */
  start(
    wanted: Pick<ManyRun, 'username' | 'label' | 'query'>,
    targets: readonly Target[],
    act: (target: Target) => Promise<Answer>,
  ): ManyRun | undefined {
    const own = this.#runs.filter(({ username }) => username === wanted.username);
    const oldest = own.find(({ state }) => state !== 'under way');
    if (own.length >= RUNS_MAX) {
      if (oldest === undefined) return undefined;
      this.#runs = this.#runs.filter((run) => run !== oldest);
    }
    const id = Buffer.from(this.#region.clock.randomBytes(ID_BYTES)).toString('base64url');
    const run: ManyRun = {
      ...wanted,
      id,
      total: targets.length,
      done: 0,
      refused: 0,
      refusals: [],
      state: 'under way',
    };
    this.#runs.push(run);
    void this.#perform(run, targets, act);
    return run;
  }

  async #perform(run: ManyRun, targets: readonly Target[], act: (target: Target) => Promise<Answer>): Promise<void> {
    try {
      for (const machine of targets) {
        const answer = await act(machine);
        if (answer.kind !== 'refusal') run.done += 1;
        else {
          run.refused += 1;
          if (run.refusals.length < REFUSALS_MAX) run.refusals.push({ machine, why: formatRefusal(answer) });
        }
        await nextTurn();
      }
      run.state = 'ended';
    } catch (error) {
      // The page of the run is the only place where somebody waits for it.
      const machine = targets[run.done + run.refused];
      if (machine !== undefined) run.refusals.unshift({ machine, why: errorText(error) });
      run.state = 'broken';
    }
  }
}

const runs = new WeakMap<Region, ManyRuns>();

export function getManyRuns(region: Region): ManyRuns {
  const existing = runs.get(region) ?? new ManyRuns(region);
  runs.set(region, existing);
  return existing;
}
