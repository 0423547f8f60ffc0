// The work of a machine in a state in progress. Stored with the machine, so it survives a restart.
//
// 1. It exists only during a state in progress and in rescue mode.
// 2. It contains no secret.

import type { Happening, Remark, StageReport } from './events.ts';
import type { MachineStatus } from './lifecycle.ts';

/** The signatures that make a disk look used, or everything. */
export type EraseMode = 'signatures' | 'all';

/** The agent writes an image, or a distribution's installer runs. */
export type DeployWay = 'image' | 'installer';

export interface MachineWork {
  /** Only a person can switch the machine on; the time limit starts at its first boot. */
  readonly waitsForBoot: boolean;
  /** Automatic restarts. */
  readonly attempts: number;
  /** An abort returns to it. */
  readonly before: MachineStatus;
  /** Only in Deploying. */
  readonly deployBy?: DeployWay | undefined;
  /** `undefined`: for an image the machine chooses one, an installer takes the first. */
  readonly disk?: string | undefined;
  /** Only in Disk erasing. */
  readonly erase?: EraseMode | undefined;
  readonly askedBy?: string | undefined;
  /** In a rescue, as the machine reported it: `SHA256:…`. */
  readonly hostKey?: string | undefined;
  /**
   * In Commissioning and Testing: to run instead of all of their kind, and the number of the run
   * once begun.
   */
  readonly scripts?: readonly string[] | undefined;
  readonly run?: number | undefined;
  /** In its last signal, a short word. */
  readonly stage?: string | undefined;
  readonly message?: string | undefined;
  readonly report?: StageReport | undefined;
  readonly doneBytes?: number | undefined;
  readonly totalBytes?: number | undefined;
  /** Wall time of its last signal, in milliseconds. */
  readonly reportedMs?: number | undefined;
  /** Since its last signal, and the wall time of the latest in milliseconds. */
  readonly boots?: number | undefined;
  readonly bootMs?: number | undefined;
  /**
   * Why its power-on is uncertain, and the deadline set because of that: once the current one
   * differs, the doubt is over.
   */
  readonly doubt?: Happening<'power-uncertain'> | undefined;
  readonly doubtEndsMs?: number | undefined;
  /**
   * The deadline when the end of a process interrupted its power-on: once the current one differs,
   * the machine has shown a sign of life.
   */
  readonly interruptedEndsMs?: number | undefined;
}

/** The step of a machine's work, from its last report or from a network boot after it. */
interface WorkStep {
  /** `undefined`: nothing is known yet. */
  readonly what: Remark | undefined;
  /** `undefined` if the step counts none. */
  readonly bytes?: { readonly done: number; readonly total: number } | undefined;
  /** 0 to 99; `undefined` if bytes are not counted, or all are done. */
  readonly percent: number | undefined;
  /** Of that report or boot; undefined: none yet. */
  readonly atMs: number | undefined;
}

const plainRemark = (text: string): Remark => ({ code: 'said', params: { text } });

/** `testing` is the agent's stage for every script, even during commissioning. */
function remarkOfStage(stage: string): Remark | undefined {
  if (stage === 'testing') return { code: 'runs-checks', params: {} };
  if (stage === 'writing') return { code: 'writes-disk', params: {} };
  return stage === '' ? undefined : plainRemark(stage);
}

/** The stage of the signal that the disk is written (`life/signal.ts`): what follows is the start from it. */
export const WRITTEN_STAGE = 'written';

export function getWorkStep(work: MachineWork): WorkStep {
  const { stage = '', message = '', report, doneBytes, totalBytes = 0, reportedMs, bootMs } = work;
  if (bootMs !== undefined) {
    return { what: { code: 'boots-from-network', params: {} }, percent: undefined, atMs: bootMs };
  }
  if (stage === WRITTEN_STAGE)
    return { what: { code: 'starts-own-system', params: {} }, percent: undefined, atMs: reportedMs };
  const bytes =
    doneBytes === undefined || totalBytes === 0
      ? undefined
      : { done: Math.min(doneBytes, totalBytes), total: totalBytes };
  const isCounted = bytes !== undefined && bytes.done < bytes.total;
  const percent = isCounted ? Math.floor((bytes.done / bytes.total) * 100) : undefined;
  const reported: Remark | undefined = report === undefined ? undefined : { code: 'stage-reported', params: report };
  return {
    what: reported ?? (message === '' ? remarkOfStage(stage) : plainRemark(message)),
    bytes,
    percent,
    atMs: reportedMs,
  };
}
