// The doctor's input: the configuration, and the reports of the running rack and this host.

import type { RackConfig } from '../config/rack-config.ts';
import type { Ipv4 } from '../net/address.ts';
import type { Finding } from './finding.ts';
import type { HostFacts, PortFacts } from './host-facts.ts';
import type { NotedText } from './note-judgement.ts';
import type { RangeUse } from './silence.ts';

interface WaitingNetwork {
  readonly name: string;
  readonly reason: string;
  /** As of a `Finding`. */
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
  /** The running rack's notes; undefined: no rack was asked. */
  readonly notes?: readonly NotedText[] | undefined;
  /** The running rack's dynamic ranges; undefined: no rack was asked. */
  readonly ranges?: readonly RangeUse[] | undefined;
  /** Why the running rack serves no network although it should; undefined if it serves one or no rack was asked. */
  readonly unserved?: string | undefined;
  /** The networks that the running rack does not serve now; undefined: no rack was asked. */
  readonly waiting?: readonly WaitingNetwork[] | undefined;
  /** Why leases cannot be written; undefined if they can, or no rack was asked. */
  readonly diskProblem?: string | undefined;
  /** The running rack's problem with its boot tree; undefined: none, or no rack was asked. */
  readonly treeProblem?: string | undefined;
  /** Listeners of the running region that are not open, with the reason; undefined: no rack was asked. */
  readonly unopened?: readonly { readonly host: string; readonly text: string }[] | undefined;
  /** The default gateways of the host. */
  readonly gateways: readonly Ipv4[];
  /** What keeps listeners from being opened. */
  readonly ports: PortFacts;
  /** Why the region does not run; undefined if it runs or no rack was asked. */
  readonly regionProblem?: string | undefined;
  /** Why the region does not answer at some of its several addresses; undefined: no rack was asked. */
  readonly failedAddresses?: readonly string[] | undefined;
  /** Why no address of a region elsewhere serves this rack, and since when; undefined: one does, or no rack was asked. */
  readonly regionAway?: string | undefined;
  /** Why a region elsewhere does not take this rack, such as that it waits to be accepted; undefined: it does, or no rack was asked. */
  readonly unaccepted?: string | undefined;
  /** A number that differs from run to run. */
  readonly xid: number;
  readonly onFinding: (finding: Finding) => void;
}
