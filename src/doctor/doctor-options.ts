// The doctor's input: the configuration, and the reports of the running rack and this host.

import type { RackConfig } from '../config/rack-config.ts';
import type { Ipv4 } from '../ground/address.ts';
import type { Finding } from './finding.ts';
import type { HostFacts, PortFacts } from './host-facts.ts';
import type { RangeUse } from './silence.ts';

/** A finding as the answer to `/status` has it. */
interface OwnFinding {
  readonly check: string;
  readonly text: string;
  readonly isNote: boolean;
  readonly fix?: string | undefined;
  readonly cause?: string | undefined;
}

/** The facts from which the doctor judges a rack, and how it asks the rack. */
export interface DoctorOptions {
  readonly config: RackConfig;
  /** The public name to look up; undefined: OUTSIDE_NAME. */
  readonly outsideName?: string | undefined;
  readonly commands: {
    /** The command that starts the rack on this host. */
    readonly start: string;
    /** The words that make other commands read the same configuration: ` --config FILE`, or empty. */
    readonly config: string;
    /** How this rack gets a network: a clause with the command. */
    readonly network: string;
  };
  /** False: no daemon answers here, so no network is probed. */
  readonly isRunning: boolean;
  /** True: a daemon runs, and does not answer commands. */
  readonly isSilent?: boolean | undefined;
  /** Undefined: do not judge the host. */
  readonly host?: HostFacts | undefined;
  /**
   * What the running rack finds wrong with itself, and how full its ranges are; undefined: no rack
   * was asked.
   */
  readonly running?: { readonly findings: readonly OwnFinding[]; readonly ranges: readonly RangeUse[] } | undefined;
  /** Why the boot tree cannot be used, as its owner sees it; undefined: not judged yet. */
  readonly treeProblem?: string | undefined;
  /** The default gateways of the host. */
  readonly gateways: readonly Ipv4[];
  /** What keeps listeners from being opened. */
  readonly ports: PortFacts;
  /** A number that differs from run to run. */
  readonly xid: number;
  readonly onFinding: (finding: Finding) => void;
}
