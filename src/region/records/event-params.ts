// The content of an event: a code and its parameters. `region/words/event.ts` turns them into a sentence when somebody reads the event.
//
// 1. Never change the meaning of a published code or parameter: the log keeps both, not the sentence.
// 2. Parameters are plain JSON values without secrets. Addresses are text, times are wall time in milliseconds.
// 3. The store cleans the texts and bounds them (`store/operations/stored-event.ts`).

import type { PowerDetail } from '../../power/detail.ts';
import type { AreaKind } from './area.ts';
import type { LeftOut } from './bounded-facts.ts';
import type { IdentityKind } from './identity-kind.ts';
import type { ImportReason } from './import-reason.ts';
import type { MachineStatus } from './lifecycle.ts';
import type { PowerTask } from './power-task.ts';
import type { MistakeAt } from './preseed-mistake.ts';
import type { RackEventParams } from './rack-event-params.ts';
import type { ResourceWish } from './resource-wish.ts';

type None = Readonly<Record<string, never>>;

/** The hostname and system id of a machine, which may be gone when the event is read. */
export interface MachineName {
  readonly hostname: string;
  readonly systemId: string;
}

/** The name and UUID of a rack. */
interface RackName {
  readonly rack: string;
  readonly uuid: string;
}

/** How a source, a selection, a zone or a pool changed. */
export type BootChange = 'added' | 'changed' | 'removed';

/** The noun for a kind of network object. */
export type NetworkNoun =
  | 'fabric'
  | 'space'
  | 'VLAN'
  | 'subnet'
  | 'reserved range'
  | 'dynamic range'
  | 'static range'
  | 'static route'
  | 'address'
  | 'connection'
  | 'heard hosts';

/** A person's reason; empty: none. */
interface Comment {
  readonly comment: string;
}

/** The detail of a power action or query; undefined: none, or another version stored a sentence instead. */
interface OfPower {
  readonly detail?: PowerDetail | undefined;
}

/** Hardware addresses. */
interface Macs {
  readonly macs: readonly string[];
}

/** Another machine, and the values in which it differs. An empty list: other evidence shows that it is a different machine. */
interface OtherMachine {
  readonly machine: MachineName;
  readonly differs: readonly IdentityKind[];
}

/** A report of cloud-init or curtin about one of its stages. */
export interface StageReport {
  readonly name: string;
  readonly isEnd: boolean;
  /** The result in capitals; empty: none. */
  readonly result: string;
  /** Its own description; empty: none. */
  readonly said: string;
}

/** A script that did not pass. */
export interface FailedScript {
  readonly name: string;
  readonly end: 'exited' | 'timed-out' | 'unfinished';
  /** `undefined`: unknown. */
  readonly exitStatus?: number | undefined;
  readonly timeoutSeconds: number;
  /** The end of its output; empty: none. */
  readonly said: string;
}

/** Why the region ends a machine's work. */
export type WorkFault = Happening<'installer-missing' | 'preseed-faulty' | 'scripts-failed'>;

/** A machine's signal about its work. */
export interface SignalParams {
  /** A short word; may be empty. */
  readonly stage: string;
  /** The machine's own words; may be empty. */
  readonly message: string;
  /** Replaces `message`. */
  readonly report?: StageReport | undefined;
  /** Replaces both: the region found this fault, not the machine. */
  readonly fault?: WorkFault | undefined;
  readonly script?: string | undefined;
  /** `undefined`: the script is still running. */
  readonly exitStatus?: number | undefined;
  /** The end of the script's output; may be empty. */
  readonly output: string;
}

/** Why a network that a rack reports is not believed. */
export type NetworkDoubt = { readonly network: string } & (
  | { readonly kind: 'overlap'; readonly other: string; readonly owner: string }
  | { readonly kind: 'wide'; readonly prefix: number }
  | { readonly kind: 'many'; readonly addressesMax: number }
);

/** The fields of a rack's report on which the region's decisions depend. */
export interface ReportFields {
  /**
   * The kind of client that got an offer, such as `bios`; empty: one without a boot file, such as a running system; `undefined`: no offer.
   */
  readonly client?: string | undefined;
  /** The boot file offered, or the file sent. */
  readonly file?: string | undefined;
  /** The purpose of a configuration, such as `local`; `undefined`: the event sent no configuration. */
  readonly purpose?: string | undefined;
  /** The HTTP status of the region's answer to the machine's POST request. */
  readonly status?: number | undefined;
}

/** The event codes, each with its parameters. The code of a rack's event is its kind. */
export interface EventParams extends RackEventParams {
  /** A rack's report with a kind or fields of another version: this version can only show the rack's sentence. */
  rack: {
    readonly text: string;
    /** As for the known kinds (`rack-event-params.ts`). */
    readonly isAway?: boolean | undefined;
  };

  'status-changed': { readonly from: MachineStatus; readonly to: MachineStatus };
  /** A person's command: `deploy`, `lock`. */
  command: Comment & { readonly command: string };
  'power-ordered': Comment & { readonly task: PowerTask };
  'power-switched': OfPower & { readonly task: PowerTask };
  /** The machine was switched on, found nothing to do and powered off. */
  'power-off-again': { readonly task: PowerTask; readonly status: MachineStatus };
  'power-uncertain': OfPower & { readonly task: PowerTask };
  'power-failed': OfPower & { readonly task: PowerTask };
  'power-query-failed': OfPower;
  'power-seen': { readonly state: 'on' | 'off' };
  'owner-data-changed': { readonly keys: readonly string[] };
  'machine-edited': { readonly fields: readonly string[] };
  /** @param status given if the machine was in use */
  'machine-deleted': MachineName & { readonly status?: MachineStatus | undefined };
  'debug-login-opened': Comment & { readonly user: string; readonly untilMs: number };
  'debug-login-closed': None;

  signal: SignalParams;
  /** A signal from a machine without work in progress. */
  'signal-unasked': Pick<SignalParams, 'stage' | 'message' | 'fault'> & { readonly status: string };
  'stage-reported': StageReport;
  /** @param place in the boot tree */
  'installer-missing': { readonly place: string };
  'preseed-faulty': MistakeAt;
  /** @param more how many more failed */
  'scripts-failed': { readonly failed: readonly FailedScript[]; readonly more: number };
  'disk-written': None;
  'network-wanted': None;
  'rescue-lasting': None;
  /** @param seen the machine's newest event; `undefined`: none */
  'work-overran': {
    readonly status: MachineStatus;
    readonly minutes: number;
    readonly isRestarted: boolean;
    readonly isWritten: boolean;
    readonly seen?: Happening | undefined;
  };
  'boots-repeated': { readonly boots: number };
  'power-doubted': { readonly doubt: Happening<'power-uncertain'>; readonly minutes: number };
  'disk-not-starting': { readonly starts: number };
  'work-restarted': { readonly why: Happening<'work-overran' | 'boots-repeated' | 'power-doubted'> };

  /**
   * @param leftOut the hardware that was too large to store
   * @param isAdded true if a person added it; `undefined`: the machine reported itself
   */
  enlisted: {
    readonly isUnvouched: boolean;
    readonly leftOut: readonly LeftOut[];
    readonly isAdded?: boolean | undefined;
  };
  /** @param times the number of reports since the last such event; `undefined`: one */
  'hardware-reported': { readonly leftOut: readonly LeftOut[]; readonly times?: number | undefined };
  /** @param user given if this user of the BMC has a new password */
  'bmc-reported': { readonly address: string; readonly driver: string; readonly user?: string | undefined };
  'report-ignored': ReportIgnored & { readonly times?: number | undefined };
  'enlistment-refused': { readonly mac?: string | undefined; readonly why: ReportRefused };
  'shown-of-another': OtherMachine & { readonly same: readonly IdentityKind[] };
  /** @param own the machine that booted from the interfaces */
  'interface-claimed': Macs & { readonly machine: MachineName; readonly own: string };
  'interfaces-moved': Macs & OtherMachine;
  'interfaces-kept': Macs & OtherMachine;
  'interfaces-removed': Macs;
  'interfaces-replaced': Macs;
  'maybe-one': Macs & {
    readonly machine: MachineName;
    readonly same: readonly IdentityKind[];
    readonly own: string;
  };
  /** @param isBack true if the card had been replaced before */
  'maybe-two': Macs & { readonly booted: string; readonly isBack: boolean; readonly systemId: string };
  /** A New machine gave way to another one. Addresses are `undefined` if unknown. */
  /** @param user who had added the device */
  'device-enlisted': MachineName & { readonly user: string };
  'machine-displaced': MachineName & {
    readonly from?: string | undefined;
    readonly isProven: boolean;
    readonly newFrom?: string | undefined;
    readonly max: number;
  };
  'machines-merged': Macs & { readonly machine: MachineName };
  'machine-split': Macs & { readonly machine: MachineName };
  'machine-split-off': { readonly machine: MachineName };
  'machines-kept-apart': { readonly one: string; readonly other: string };

  'home-found': { readonly rack: string; readonly address: string };
  'home-moved': { readonly rack: string; readonly network?: string | undefined };
  /** @param times the number of reports since the last such event, from 1 */
  'seen-elsewhere': SeenElsewhere & { readonly times: number };
  'rack-registered': RackName & { readonly address: string };
  'rack-displaced': RackName & {
    readonly address: string;
    readonly newAddress: string;
    readonly isSilent: boolean;
    readonly max: number;
  };
  'rack-misnamed': RackName & { readonly calledItself: string };
  /** A user lost administrator's rights, and these racks use that user's API keys. @param more how many more racks do */
  'rack-owner-lost': { readonly user: string; readonly racks: readonly string[]; readonly more: number };
  'rack-judged': RackName & {
    readonly verdict: 'accepted' | 'rejected' | 'removed';
    readonly shared?: readonly string[] | undefined;
  };
  /** @param first the first doubted network @param more how many more are doubted */
  'rack-described': RackName;
  'networks-doubted': { readonly rack: string; readonly first: NetworkDoubt; readonly more: number };
  'rack-away': { readonly rack: string; readonly heardMs: number };
  'rack-back': { readonly rack: string };
  'events-lost': { readonly rack: string; readonly events: number };

  'settings-changed': { readonly changes: readonly { readonly key: string; readonly isRemoved: boolean }[] };
  'user-created': { readonly user: string; readonly isAdmin: boolean };
  'user-rights-changed': { readonly user: string; readonly isAdmin: boolean };
  'user-email-changed': { readonly user: string };
  'user-removed': { readonly user: string };
  'password-changed': { readonly user: string };
  'signed-in': { readonly from: string };
  'signed-out': { readonly from: string };
  /** @param user the account; empty: there is no such account, and what was typed may be a password */
  'password-wrong': { readonly user: string; readonly from: string; readonly count: number };
  /** @param name empty: none */
  'api-key-made': { readonly name: string };
  /** @param name the new name; empty: none */
  'api-key-changed': { readonly change: 'renamed' | 'removed'; readonly name: string };
  'owner-changed': { readonly from: string; readonly to: string };
  'ssh-key-added': { readonly user: string };
  'ssh-key-removed': { readonly user: string };
  'device-added': None;
  'tag-created': { readonly tag: string };
  'tag-changed': { readonly tag: string };
  'tag-deleted': { readonly tag: string };
  'tag-assigned': { readonly tag: string };
  'area-changed': { readonly area: AreaKind; readonly name: string; readonly change: BootChange };
  'zone-set': { readonly zone: string };
  'script-added': { readonly script: string };
  'script-changed': { readonly script: string };
  'script-removed': { readonly script: string };
  /** @param source the URL of the source @param why why it is trusted without a signature; `undefined`: it is signed, or removed */
  'boot-source-changed': { readonly change: BootChange; readonly source: string; readonly why?: string | undefined };
  /** @param image such as `ubuntu/noble`, with `*` for all */
  'boot-selection-changed': { readonly change: BootChange; readonly image: string; readonly source: string };
  /** @param name a name, a network, a range such as `10.20.0.10-10.20.0.19`, or an address */
  'networks-scanned': { readonly networks: readonly string[] };
  'network-changed': { readonly change: BootChange; readonly what: NetworkNoun; readonly name: string };
  'import-asked': { readonly isStop: boolean };
  /** A person's command on one image. */
  'image-wished': { readonly image: string; readonly wish: ResourceWish };
  'image-downloading': { readonly image: string; readonly percent: number; readonly total: number };
  /** A cluster's report (API 1.0). @param error empty: none */
  'download-reported': {
    readonly rack: string;
    readonly file: string;
    readonly bytes: number;
    readonly size: number;
    readonly error: string;
  };
  'image-imported': { readonly image: string; readonly serial: string; readonly source: string };
  'image-import-waits': { readonly image: string; readonly reason: ImportReason };
  'image-import-failed': { readonly image: string; readonly source: string; readonly reason: ImportReason };
  /** @param name that of a source, or of a selection; empty: the whole import */
  'image-left-out': { readonly name: string; readonly reason: ImportReason };
  /** @param image without its serial until it is `added` */
  'image-upload': { readonly image: string; readonly step: UploadStage };
  'image-upload-failed': { readonly image: string; readonly reason: ImportReason };
}

/** A step in the life of an upload. */
export type UploadStage = 'begun' | 'added' | 'abandoned';

/** Why a known machine's report changed nothing. */
export type ReportIgnored =
  | { readonly why: 'in-use'; readonly status: MachineStatus; readonly isWithoutToken: boolean }
  | {
      readonly why: 'of-another-card';
      readonly booted: string;
      readonly macs: readonly string[];
      readonly systemId: string;
    }
  | { readonly why: 'without-token'; readonly isOfPerson: boolean }
  | { readonly why: 'from-elsewhere'; readonly address?: string | undefined; readonly first: string };

/** The reasons for refusing a machine's report: codes with their parameters. The sentences are in `words/en/identity.ts`. */
export interface ReportRefusals {
  'new-machines-limit': { readonly count: number; readonly max: number };
  'added-machines-limit': { readonly count: number; readonly max: number };
  'machines-limit.enlistment': { readonly count: number };
  'field.machine-exists': { readonly name: string; readonly systemId: string };
  'field.machines-mixed': {
    readonly holders: readonly (Macs & { readonly name: string; readonly systemId: string })[];
  };
  'field.hostname-taken': { readonly hostname: string };
}

/** Why a machine's report is refused. */
export type ReportRefused = {
  readonly [C in keyof ReportRefusals]: { readonly code: C; readonly params: ReportRefusals[C] };
}[keyof ReportRefusals];

/** A rack that reports a machine whose home is another rack. */
export interface SeenElsewhere {
  readonly hostname: string;
  readonly rack: string;
  readonly home: string;
}

export type EventCode = keyof EventParams;

/** An event's code with its parameters. */
export type Happening<Code extends EventCode = EventCode> = {
  readonly [C in Code]: { readonly code: C; readonly params: EventParams[C] };
}[Code];

/** An event after which a person must decide something. */
export type Doubt = Happening<'maybe-one' | 'maybe-two' | 'interface-claimed' | 'networks-doubted'>;
