// The work of a machine in a state in progress, and its progress. Stored with the machine, so it survives a restart.
//
// 1. It exists only during a state in progress and in rescue mode.
// 2. It contains no secret.

import type { Happening, Remark, StageReport } from './events.ts';
import type { MachineStatus } from './lifecycle.ts';

/** How much of a machine's disks an erasure overwrites: the signatures that make a disk look used, or everything. */
export type EraseMode = 'signatures' | 'all';

/** How a system is put on the disk: the agent writes an image, or a distribution's installer runs. */
export type DeployWay = 'image' | 'installer';

export interface MachineWork {
  /** True if only a person can switch the machine on; the time limit then starts at its first boot. */
  readonly waitsForBoot: boolean;
  /** How often the region has restarted this work automatically. */
  readonly attempts: number;
  /** The state before the work, to which an abort returns. */
  readonly before: MachineStatus;
  /** Only in Deploying. */
  readonly deployBy?: DeployWay | undefined;
  /** The machine's name for the disk to write; `undefined`: for an image the machine chooses one, an installer takes the first. */
  readonly disk?: string | undefined;
  /** Only in Disk erasing. */
  readonly erase?: EraseMode | undefined;
  /** The user who requested a rescue. */
  readonly askedBy?: string | undefined;
  /** In a rescue, the fingerprint of the host key that the machine reported: `SHA256:…`. */
  readonly hostKey?: string | undefined;
  /** Only in Commissioning and Testing: the scripts to run instead of all of their kind, and the number of the run once begun. */
  readonly scripts?: readonly string[] | undefined;
  readonly run?: number | undefined;
  /** The stage in its last signal, a short word. */
  readonly stage?: string | undefined;
  readonly message?: string | undefined;
  /** The report of cloud-init or curtin in that signal. */
  readonly report?: StageReport | undefined;
  readonly doneBytes?: number | undefined;
  readonly totalBytes?: number | undefined;
  /** Wall time of its last signal, in milliseconds. */
  readonly reportedMs?: number | undefined;
  /** Network boots since its last signal, and the time of the latest, wall time in milliseconds. */
  readonly boots?: number | undefined;
  readonly bootMs?: number | undefined;
  /**
   * Why its power-on is uncertain, and the deadline set because of that, in wall-time milliseconds. Once the current deadline differs, the
   * doubt is over.
   */
  readonly doubt?: Happening<'power-uncertain'> | undefined;
  readonly doubtEndsMs?: number | undefined;
  /**
   * The deadline at the time when a Rackboot process ended and interrupted its power-on, in wall-time milliseconds. If the current deadline
   * differs, the machine has shown a sign of life since.
   */
  readonly interruptedEndsMs?: number | undefined;
}

/** The current step of a machine's work: from its last report, or from a network boot after that report. */
interface WorkStep {
  /** `undefined`: nothing is known yet. */
  readonly what: Remark | undefined;
  /** The bytes done of this step, at most all of them; `undefined` if it counts none. */
  readonly bytes?: { readonly done: number; readonly total: number } | undefined;
  /** The percentage of bytes done, 0 to 99; `undefined` if bytes are not counted, or all are done. */
  readonly percent: number | undefined;
  /** Wall time of that report or boot, in milliseconds; undefined: none yet. */
  readonly atMs: number | undefined;
}

const said = (text: string): Remark => ({ code: 'said', params: { text } });

/** A stage reported without a message. `testing` is the agent's stage for every script, even during commissioning. */
function remarkOfStage(stage: string): Remark | undefined {
  if (stage === 'testing') return { code: 'runs-checks', params: {} };
  if (stage === 'writing') return { code: 'writes-disk', params: {} };
  return stage === '' ? undefined : said(stage);
}

/** The current step. */
export function stepOf(work: MachineWork): WorkStep {
  const { stage = '', message = '', report, doneBytes, totalBytes = 0, reportedMs, bootMs } = work;
  if (bootMs !== undefined) {
    return { what: { code: 'boots-from-network', params: {} }, percent: undefined, atMs: bootMs };
  }
  const bytes =
    doneBytes === undefined || totalBytes === 0
      ? undefined
      : { done: Math.min(doneBytes, totalBytes), total: totalBytes };
  const isCounted = bytes !== undefined && bytes.done < bytes.total;
  const percent = isCounted ? Math.floor((bytes.done / bytes.total) * 100) : undefined;
  const reported: Remark | undefined = report === undefined ? undefined : { code: 'stage-reported', params: report };
  return {
    what: reported ?? (message === '' ? remarkOfStage(stage) : said(message)),
    bytes,
    percent,
    atMs: reportedMs,
  };
}
