// The doctor's input: the configuration, and the reports of the running rack and this host.

import type { RackConfig } from '../config/rack-config.ts';
import type { Ipv4 } from '../ground/address.ts';
import type { Finding } from './finding.ts';
import type { HostFacts, PortFacts } from './host-facts.ts';
import type { RangeUse } from './silence.ts';

/** A finding of the running rack, as in the answer to `/status`. */
interface RackFinding {
  readonly check: string;
  readonly text: string;
  readonly isNote: boolean;
  readonly fix?: string | undefined;
  readonly cause?: string | undefined;
}

/** The facts from which the doctor judges a rack. */
export interface DoctorOptions {
  readonly config: RackConfig;
  /** The public name to look up; undefined for PUBLIC_NAME. */
  readonly publicName?: string | undefined;
  readonly commands: {
    /** The command that starts the rack on this host. */
    readonly start: string;
    /**
     * The arguments that make other commands read the same configuration: ` --config FILE`, or
     * empty.
     */
    readonly config: string;
    /** A clause with the command that adds a network to this rack. */
    readonly network: string;
  };
  /** False if no daemon answers here. No network is probed then. */
  readonly isRunning: boolean;
  /** True if a daemon runs but does not answer commands. */
  readonly isSilent?: boolean | undefined;
  /** Undefined to leave out the checks of the host. */
  readonly host?: HostFacts | undefined;
  /**
   * What the running rack finds wrong with itself, and how full its ranges are; undefined if no
   * rack was asked.
   */
  readonly running?: { readonly findings: readonly RackFinding[]; readonly ranges: readonly RangeUse[] } | undefined;
  /**
   * Why the boot tree cannot be used, as its owner sees it; undefined if it has not been judged
   * yet.
   */
  readonly treeProblem?: string | undefined;
  /** The default gateways of the host. */
  readonly gateways: readonly Ipv4[];
  /** What keeps listeners from being opened. */
  readonly ports: PortFacts;
  /** A number that differs from run to run. */
  readonly xid: number;
  readonly onFinding: (finding: Finding) => void;
}
