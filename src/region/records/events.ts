// What happens to a machine or in the region, and remarks about a machine's state and work: for
// each a code, its parameters and its sentence, which is made when somebody reads it.
//
// 1. Never change the meaning of a published code or parameter: the log keeps both, not the sentence.
// 2. Parameters are plain JSON values without secrets. Addresses are text, times are wall time in
//    milliseconds.
// 3. The store cleans the texts and bounds them (`store/operations/stored-event.ts`).
// 4. A sentence has no full stop at its end, and begins with a lower-case letter unless it begins
//    with a name. The page and the command line capitalise it.

import { formatMac, type MacAddress } from '../../ground/address.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { type Coded, type Writers, type WrittenParams, write } from '../../ground/event.ts';
import { formatBytes } from '../../ground/quantity.ts';
import type { PowerDetail } from '../../power/detail.ts';
import { isReported, type RackEventParams, reportedSentence } from '../reports/reported.ts';
import type { AreaKind } from './area.ts';
import type { LeftOut } from './bounded-facts.ts';
import { type Difference, differencesText } from './difference.ts';
import { type ImportReason, importText } from './import-reason.ts';
import type { MachineStatus } from './lifecycle.ts';
import { statusRow } from './lifecycle.ts';
import { commandLabel } from './machine-commands.ts';
import type { PowerTask } from './power-task.ts';
import { powerText, withoutPrivate } from './power-words.ts';
import { mistakeAtText } from './preseed-mistake.ts';
import { REPORT_REFUSALS, type ReportRefusals, type ReportRefused } from './report-refusal.ts';

export interface MachineName {
  readonly hostname: string;
  readonly systemId: string;
}

export const pickMachineName = ({ hostname, systemId }: MachineName): MachineName => ({ hostname, systemId });

interface RackName {
  readonly rack: string;
  readonly uuid: string;
}

/** How a source, a selection, a zone or a pool changed. */
export type BootChange = 'added' | 'changed' | 'removed';

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
  | 'reserved IP'
  | 'connection'
  | 'heard hosts';

/** What a change changed, which the store finds; `undefined`: an earlier version stored the event. */
interface Differs {
  readonly differs?: readonly Difference[] | undefined;
}

/** A person's reason; empty: none. */
interface Comment {
  readonly comment: string;
}

/** `undefined`: none, or another version stored a sentence instead. */
interface OfPower {
  readonly detail?: PowerDetail | undefined;
}

interface Macs {
  readonly macs: readonly string[];
}

/**
 * The values by which two descriptions of machines are compared, besides the addresses of
 * interfaces (`identity/evidence.ts`).
 */
export const IDENTITY_KINDS = ['uuid', 'serial', 'board-serial', 'asset-tag', 'bmc-mac', 'bmc-address'] as const;
export type IdentityKind = (typeof IDENTITY_KINDS)[number];

/** An empty list: other evidence shows that it is a different machine. */
interface OtherMachine {
  readonly machine: MachineName;
  readonly differs: readonly IdentityKind[];
}

/** A report of cloud-init or curtin about one of its stages. */
export interface StageReport {
  readonly name: string;
  readonly isEnd: boolean;
  /** In capitals; empty: none. */
  readonly result: string;
  /** Empty: none. */
  readonly said: string;
}

export interface FailedScript {
  readonly name: string;
  readonly end: 'exited' | 'timed-out' | 'unfinished';
  /** `undefined`: unknown. */
  readonly exitStatus?: number | undefined;
  readonly timeoutSeconds: number;
  /** The end of its output; empty: none. */
  readonly said: string;
}

export type WorkFault = Happening<'installer-missing' | 'preseed-faulty' | 'scripts-failed'>;

export interface SignalParams {
  /** A short word; may be empty. */
  readonly stage: string;
  /** May be empty. */
  readonly message: string;
  /** Replaces `message`. */
  readonly report?: StageReport | undefined;
  /** Replaces both: the region found it. */
  readonly fault?: WorkFault | undefined;
  readonly script?: string | undefined;
  readonly exitStatus?: number | undefined;
  /** The end of it; may be empty. */
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
  /** Such as `bios`; empty: one without a boot file, such as a running system; `undefined`: no offer. */
  readonly client?: string | undefined;
  /** The boot file offered, or the file sent. */
  readonly file?: string | undefined;
  /** Such as `local`; `undefined`: it sent no configuration. */
  readonly purpose?: string | undefined;
  /** The region's answer to the machine's POST request. */
  readonly status?: number | undefined;
}

interface QuotingParams {
  signal: SignalParams;
  /** A signal from a machine without work in progress. */
  'signal-unasked': Pick<SignalParams, 'stage' | 'message' | 'fault'> & { readonly status: string };
  /** @param seen the machine's newest event; `undefined`: none */
  'work-overran': {
    readonly status: MachineStatus;
    readonly minutes: number;
    readonly isRestarted: boolean;
    readonly isWritten: boolean;
    readonly seen?: Happening | undefined;
  };
  'power-doubted': { readonly doubt: Happening<'power-uncertain'>; readonly minutes: number };
  'work-restarted': { readonly why: Happening<'work-overran' | 'boots-repeated' | 'power-doubted'> };
}

/** The codes of the region's own events, each with its parameters. */
type OwnParams = QuotingParams & WrittenParams<typeof OWN_EVENTS>;
/** The codes of all events. The code of a rack's event is its kind. */
export type EventParams = RackEventParams & OwnParams;

type UploadStage = 'begun' | 'added' | 'abandoned';

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

export interface SeenElsewhere {
  readonly hostname: string;
  readonly rack: string;
  readonly home: string;
}

type EventCode = keyof EventParams;

export type Happening<Code extends EventCode = EventCode> = Coded<EventParams, Code>;

/** An event after which a person must decide something. */
export type Doubt = Happening<'maybe-one' | 'maybe-two' | 'interface-claimed' | 'networks-doubted'>;

/** `pause` and `cancel` are of earlier versions. */
const WISH_WORDS = {
  import: 'resumed the import of',
  pause: 'paused the import of',
  cancel: 'cancelled the import of',
  delete: 'deleted',
};

const UPLOAD_WORDS: Readonly<Record<UploadStage, (image: string) => string>> = {
  begun: (image) => `began to upload ${image}`,
  added: (image) => `added the uploaded ${image}`,
  abandoned: (image) => `removed the upload of ${image}, which nobody continued`,
};

/** "It was switched on". */
export const SWITCHED: Readonly<Record<PowerTask, string>> = {
  on: 'switched on',
  off: 'switched off',
  'soft-off': 'asked to shut down',
  cycle: 'switched off and on',
};
const SWITCH_FAILED: Readonly<Record<PowerTask, string>> = {
  on: 'power on failed',
  off: 'power off failed',
  'soft-off': 'shutdown request failed',
  cycle: 'power cycle failed',
};
const KINDS: Readonly<Record<IdentityKind, string>> = {
  uuid: 'UUID',
  serial: 'serial number',
  'board-serial': "board's serial number",
  'asset-tag': 'asset tag',
  'bmc-mac': "BMC's hardware address",
  'bmc-address': "BMC's address",
};

const nameOfState = (status: MachineStatus): string => statusRow(status).name;
export const formatMachineName = ({ hostname, systemId }: MachineName): string => `${hostname} (${systemId})`;
/** A moment as text, to the minute. */
const momentText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
const joinTexts = (texts: readonly string[]): string => texts.join(', ');
const formatIdentityKinds = (kinds: readonly IdentityKind[]): string => joinTexts(kinds.map((kind) => KINDS[kind]));
/** What follows a sentence after a colon; empty if there is nothing. */
export const formatAfterColon = (text: string): string => (text === '' ? '' : `: ${text}`);
const since = (times: number | undefined): string =>
  times === undefined || times < 2 ? '' : ` (${counted(times, 'time')} since the last such event)`;
const PARTS: Readonly<Record<LeftOut['list'], readonly [one: string, many: string]>> = {
  disks: ['disk', 'disks'],
  nics: ['interface', 'interfaces'],
  memory_banks: ['memory module', 'memory modules'],
  processors: ['processor', 'processors'],
};
const formatLeftOut = (leftOut: readonly LeftOut[]): string => {
  const parts = leftOut.map(({ list, left, given }) => `the last ${left} of ${counted(given, ...PARTS[list])}`);
  return parts.length === 0 ? '' : `; too large to store, without ${joinTexts(parts)}`;
};
const whyOther = (differs: readonly IdentityKind[]): string =>
  differs.length === 0 ? 'which is another machine' : `which has another ${formatIdentityKinds(differs)}`;

/** The commands that say whether two machines are one. */
const oneOrTwo = (own: string, other: MachineName): string =>
  `If they are one: rackboot machines merge ${other.systemId} ${own}; ` +
  `if they are two: rackboot machines keep-apart ${other.systemId} ${own}`;

const maybeOneWords = ({
  machine,
  macs,
  same,
}: Macs & {
  machine: MachineName;
  same: readonly IdentityKind[];
  own: string;
}): string => {
  const kinds = same.length === 0 ? '' : `the same ${formatIdentityKinds(same)}`;
  const both = [joinTexts(macs), kinds].filter((text) => text !== '').join(' and ');
  return `may be the same machine as ${formatMachineName(machine)}: both show ${both}`;
};

const maybeTwoWords = ({
  booted,
  isBack,
  macs,
  systemId,
}: Macs & { booted: string; isBack: boolean; systemId: string }): string =>
  `may be two machines with one UUID and one serial number: ${booted} booted ${isBack ? 'again ' : ''}` +
  `without ${joinTexts(macs)}, which ${isBack ? 'had taken its place' : 'reported shortly before'}. ` +
  `If they are two: rackboot machines split ${systemId} --mac ${macs.join(' ')}; if a card was swapped, accept the machine`;

const stageWords = ({ name, isEnd, result, said }: StageReport): string => {
  const end = isEnd ? ` ended${result === '' ? '' : ` (${result})`}` : ' begins';
  return `${name}${end}${said === name ? '' : formatAfterColon(said)}`;
};

/** The words of a signal, in one language. */
export interface SignalWords {
  readonly quote: (happening: Happening) => string;
  readonly stage: (report: StageReport) => string;
  readonly running: (script: string) => string;
  readonly ended: (script: string, exitStatus: number) => string;
  readonly passed: (script: string) => string;
  readonly output: (output: string) => string;
}

export function signalText(
  { stage, message, report, fault, script, exitStatus, output }: SignalParams,
  words: SignalWords,
): string {
  const own = report === undefined ? message : words.stage(report);
  const quoted = fault === undefined ? own : words.quote(fault);
  const parts = [quoted, scriptText(words, script, exitStatus, quoted), output === '' ? '' : words.output(output)];
  const rest = parts.filter((part) => part !== '').join('; ');
  // Omit the stage if the text repeats it, or if it is `testing`, which commissioning uses for its scripts.
  const isSaid = ['test', 'testing', 'tested'].includes(stage) || rest.toLowerCase().includes(stage.toLowerCase());
  return rest === '' ? stage : isSaid ? rest : `${stage}: ${rest}`;
}

function failedWords({ name, end, exitStatus, timeoutSeconds, said }: FailedScript): string {
  const ends = {
    exited: `ended with status ${exitStatus ?? 'unknown'}`,
    'timed-out': `did not end within ${counted(timeoutSeconds, 'second')}`,
    unfinished: 'was not run to its end',
  };
  return `script ${name} ${ends[end]}${formatAfterColon(said)}`;
}

/** A script's state, unless the machine's message contains it. */
function scriptText(
  { running, ended, passed }: SignalWords,
  script: string | undefined,
  exitStatus: number | undefined,
  detail: string,
): string {
  if (script === undefined) return '';
  if (exitStatus === undefined) return detail === '' ? running(script) : '';
  if (exitStatus !== 0) return ended(script, exitStatus);
  return detail.startsWith(script) ? '' : passed(script);
}

export const unaskedText = (
  { status, stage, message, fault }: QuotingParams['signal-unasked'],
  { quote }: Pick<SignalWords, 'quote'>,
): string => {
  const quoted = fault === undefined ? message : quote(fault);
  return `${status}${formatAfterColon([stage, quoted].filter((part) => part !== '').join(': '))}`;
};

function overranWords({ status, minutes, isRestarted, isWritten, seen }: QuotingParams['work-overran']): string {
  const again = isRestarted ? ', even after a restart' : '';
  const heard = seen === undefined ? 'no sign of life' : `last seen: ${happeningWords(seen)}`;
  const last = isWritten ? `its disk was written, but its system was not seen; ${heard}` : heard;
  return `${nameOfState(status)} did not end within ${counted(minutes, 'minute')}${again}; ${last}`;
}

function ignoredWords(ignored: ReportIgnored): string {
  switch (ignored.why) {
    case 'in-use': {
      const token = ignored.isWithoutToken ? ' without its boot token' : '';
      return `reported itself in the state ${nameOfState(ignored.status)}${token}`;
    }
    case 'of-another-card': {
      const macs = ignored.macs.join(' ');
      return (
        `${ignored.booted} reported as this machine by showing ${macs}, but all other evidence says it is another. If it has that card now, ` +
        `\`rackboot machines split ${ignored.systemId} --mac ${macs}\`, or delete this machine`
      );
    }
    case 'without-token': {
      const made = ignored.isOfPerson ? ', which a person made,' : '';
      return `a host reported as this machine${made} without the boot token from its rack`;
    }
    case 'from-elsewhere':
      return (
        `${ignored.address ?? 'an unknown address'} reported as this machine, but ${ignored.first} reported it first, and no rack has booted either. ` +
        'Boot the machine from the network: that proves its identity'
      );
  }
}

function displacedWords({
  from,
  isProven,
  newFrom,
  max,
  ...machine
}: MachineName & {
  from?: string | undefined;
  isProven: boolean;
  newFrom?: string | undefined;
  max: number;
}): string {
  const place = (address: string | undefined): string => (address === undefined ? '' : ` from ${address}`);
  return (
    `removed ${formatMachineName(machine)}, reported${place(from)} and ${isProven ? 'never edited' : 'never booted by a rack'}, ` +
    `to make room for one reported${place(newFrom)}: at most ${max} may be New (region.new_machines_max)`
  );
}

const elsewhereWords = ({ hostname, rack, home }: SeenElsewhere): string =>
  `rack ${rack} reports it, but its home is rack ${home}. ` +
  `If it was moved: rackboot machines move ${hostname} ${rack}`;

function networkDoubtWords(doubt: NetworkDoubt): { readonly why: string; readonly agreement: string } {
  switch (doubt.kind) {
    case 'overlap':
      return { why: `overlaps ${doubt.other} of ${doubt.owner}`, agreement: 'both racks serve it' };
    case 'wide':
      return { why: `is wider than /${doubt.prefix}`, agreement: 'the rack serves all of it' };
    case 'many': {
      const why = `exceeds the ${doubt.addressesMax} addresses that a rack may have without agreement`;
      return { why, agreement: 'the rack serves this network, too' };
    }
  }
}

function networksDoubtedWords({ rack, first, more }: { rack: string; first: NetworkDoubt; more: number }): string {
  const { why, agreement } = networkDoubtWords(first);
  const others = more === 0 ? '' : ` (and ${more} more)`;
  return (
    `${first.network} ${why}${others}, so it is not believed; if ${agreement}: ` +
    `rackboot racks accept ${rack} --share ${first.network}`
  );
}

const fieldWords = (field: string): string =>
  field.replace(/Id$/, '').replaceAll(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`);
/** The reason of the trust is said anyway. */
export const besidesTrust = (differs: readonly Difference[] = []): readonly Difference[] =>
  differs.filter(({ field }) => field !== 'why');
const changesText = (differs: readonly Difference[] = []): string =>
  formatAfterColon(differencesText(differs, fieldWords, 'none'));

/** The region's own events by code: the parameters and the sentence. */
const OWN_EVENTS = {
  /**
   * A rack's report with a kind or fields of another version: this version can only show the rack's
   * sentence.
   */
  rack: ({
    text,
  }: {
    text: string;
    /** As `isAway` of the known kinds (`region/reports/reported.ts`). */
    isAway?: boolean | undefined;
  }) => text,

  'status-changed': ({ from, to }: { from: MachineStatus; to: MachineStatus }) =>
    `From '${nameOfState(from)}' to '${nameOfState(to)}'`,
  /** A person's command: `deploy`, `lock`. */
  command: ({ command, comment }: Comment & { command: string }) =>
    `${commandLabel(command).toLowerCase()}${formatAfterColon(comment)}`,
  'power-ordered': ({ task, comment }: Comment & { task: PowerTask }) => `power ${task}${formatAfterColon(comment)}`,
  'power-switched': ({ task, detail }: OfPower & { task: PowerTask }) =>
    `${SWITCHED[task]}${formatAfterColon(powerText(detail))}`,
  /** It found nothing to do. */
  'power-off-again': ({ task, status }: { task: PowerTask; status: MachineStatus }) =>
    `${SWITCHED[task]}, then powered off again: it is ${nameOfState(status)}, with nothing to do`,
  'power-uncertain': ({ task, detail }: OfPower & { task: PowerTask }) =>
    `perhaps ${SWITCHED[task]}${formatAfterColon(powerText(detail))}`,
  'power-failed': ({ task, detail }: OfPower & { task: PowerTask }) =>
    `${SWITCH_FAILED[task]}${formatAfterColon(powerText(detail))}`,
  'power-query-failed': ({ detail }: OfPower) =>
    `the power controller gave no valid answer${formatAfterColon(powerText(detail))}`,
  /** @param fingerprint of SHA-256 */
  'certificate-kept': ({ fingerprint }: { fingerprint: string }) =>
    `the certificate of its power controller is kept, and no other is accepted: ${fingerprint}`,
  'power-seen': ({ state }: { state: 'on' | 'off' }) => `turned ${state}, but not by Rackboot`,
  'owner-data-changed': ({ keys }: { keys: readonly string[] }) => `owner data changed: ${joinTexts(keys)}`,
  /** @param fields without `differs` what was sent, otherwise what was laid out: `network`, `disks` */
  'machine-edited': ({ fields, differs }: { fields: readonly string[] } & Differs) =>
    differs === undefined ? `changed: ${joinTexts(fields.map(fieldWords))}` : `changed${changesText(differs)}`,
  /** @param status given if the machine was in use */
  'machine-deleted': ({ status, ...machine }: MachineName & { status?: MachineStatus | undefined }) =>
    `deleted ${formatMachineName(machine)}${status === undefined ? '' : `, although it was ${nameOfState(status)}`}`,
  'debug-login-opened': ({ user, untilMs, comment }: Comment & { user: string; untilMs: number }) =>
    `debug login opened for the keys of ${user} until ${momentText(untilMs)}${formatAfterColon(comment)}`,
  'debug-login-closed': () => 'debug login closed',
  'stage-reported': stageWords,
  /** @param place in the boot tree */
  'installer-missing': ({ place }: { place: string }) =>
    `the rack that booted it has no installer in its tree: ${place}`,
  'preseed-faulty': mistakeAtText,
  /** @param more how many more failed */
  'scripts-failed': ({ failed, more }: { failed: readonly FailedScript[]; more: number }) =>
    `${failed.map(failedWords).join('; ')}${more === 0 ? '' : `; and ${more} more failed`}`,
  'disk-written': () => 'the disk is written: from now on it boots its own disk',
  'network-wanted': () => 'asked to boot from the network again',
  'rescue-lasting': () => 'does not leave rescue mode: its power is switched',
  'boots-repeated': ({ boots }: { boots: number }) =>
    `booted from the network ${counted(boots, 'time')} without a signal from its work`,
  'disk-not-starting': ({ starts }: { starts: number }) =>
    `its disk does not start: the machine was told ${counted(starts, 'time')} to boot it, and booted from the network again each time`,

  /**
   * @param leftOut was too large to store @param isAdded true if a person added it; `undefined`:
   * the machine reported itself
   */
  enlisted: ({
    isUnvouched,
    leftOut,
    isAdded,
  }: {
    isUnvouched: boolean;
    leftOut: readonly LeftOut[];
    isAdded?: boolean | undefined;
  }) =>
    `${isAdded === true ? 'added by hand' : 'reported itself for the first time'}${isUnvouched ? ', but not from the interface it booted from' : ''}${formatLeftOut(leftOut)}`,
  /** @param times since the last such event; `undefined`: one */
  'hardware-reported': ({ leftOut, times }: { leftOut: readonly LeftOut[]; times?: number | undefined }) =>
    `reported its hardware${formatLeftOut(leftOut)}${since(times)}`,
  /** @param user given if this user of the BMC has a new password */
  'bmc-reported': ({ address, driver, user }: { address: string; driver: string; user?: string | undefined }) =>
    `reported its BMC at ${address} (${driver})${user === undefined ? '' : `, whose user ${user} has a new password`}`,
  'report-ignored': ({ times, ...ignored }: ReportIgnored & { times?: number | undefined }) =>
    `${ignoredWords(ignored)}; nothing changed${since(times)}`,
  'enlistment-refused': ({ mac, why }: { mac?: string | undefined; why: ReportRefused }) =>
    (mac === undefined ? '' : `${mac}: `) + write<ReportRefusals, ReportRefused['code']>(REPORT_REFUSALS, why),
  'shown-of-another': ({ machine, same, differs }: OtherMachine & { same: readonly IdentityKind[] }) =>
    `showed the ${formatIdentityKinds(same)} of ${formatMachineName(machine)}, ${whyOther(differs)}: treated as another machine`,
  /** @param own the machine that booted from the interfaces */
  'interface-claimed': ({ macs, machine, own }: Macs & { machine: MachineName; own: string }) =>
    `booted from ${joinTexts(macs)}, which ${formatMachineName(machine)} had reported as its own and has lost to it. ${oneOrTwo(own, machine)}`,
  'interfaces-moved': ({ macs, machine, differs }: Macs & OtherMachine) =>
    `${joinTexts(macs)} moved here from ${formatMachineName(machine)}, ${whyOther(differs)}`,
  'interfaces-kept': ({ macs, machine, differs }: Macs & OtherMachine) =>
    `showed ${joinTexts(macs)}, which stays with ${formatMachineName(machine)}, ${whyOther(differs)}`,
  'interfaces-removed': ({ macs }: Macs) =>
    `removed ${joinTexts(macs)}: an unproven report had added it, and the machine itself does not show it`,
  'interfaces-replaced': ({ macs }: Macs) => `another card replaced ${joinTexts(macs)}`,
  'maybe-one': (
    params: Macs & {
      machine: MachineName;
      same: readonly IdentityKind[];
      own: string;
    },
  ) => `${maybeOneWords(params)}. ${oneOrTwo(params.own, params.machine)}`,
  /** @param isBack true if the card had been replaced before */
  'maybe-two': (params: Macs & { booted: string; isBack: boolean; systemId: string }) => maybeTwoWords(params),
  'machine-displaced': displacedWords,
  /** @param user who had added the device */
  'device-enlisted': (params: MachineName & { user: string }) =>
    `removed the device ${formatMachineName(params)} of ${params.user}: a machine booted from its interface and is enlisted`,
  'machines-merged': ({ machine, macs }: Macs & { machine: MachineName }) =>
    `merged ${formatMachineName(machine)} into it${macs.length === 0 ? '' : `, with ${macs.join(' ')}`}`,
  'machine-split': ({ machine, macs }: Macs & { machine: MachineName }) =>
    `split off ${formatMachineName(machine)}, with ${macs.join(' ')}`,
  'machine-split-off': ({ machine }: { machine: MachineName }) => `split off ${formatMachineName(machine)}`,
  'machines-kept-apart': ({ one, other }: { one: string; other: string }) =>
    `marked ${one} and ${other} as different machines`,

  'home-found': ({ rack, address }: { rack: string; address: string }) =>
    `its home is now rack ${rack}, which saw it take ${address}`,
  'home-moved': ({ rack, network }: { rack: string; network?: string | undefined }) =>
    `moved to rack ${rack}${network === undefined ? '' : `, network ${network}`}`,
  /** @param times since the last such event, from 1 */
  'seen-elsewhere': (params: SeenElsewhere & { times: number }) =>
    `${elsewhereWords(params)}. The rack's reports about it are not believed${since(params.times)}`,
  'rack-registered': ({ rack, uuid, address }: RackName & { address: string }) =>
    `rack ${rack} (${uuid}) registered from ${address}`,
  'rack-displaced': ({
    rack,
    uuid,
    address,
    newAddress,
    isSilent,
    max,
  }: RackName & {
    address: string;
    newAddress: string;
    isSilent: boolean;
    max: number;
  }) => {
    const why = isSilent ? 'it was silent' : 'its host or network has the most pending racks';
    return `removed pending rack ${rack} (${uuid}) from ${address} for a new one from ${newAddress}: ${why}, and at most ${max} may be pending`;
  },
  'rack-misnamed': ({ rack, uuid, calledItself }: RackName & { calledItself: string }) =>
    `rack ${rack} (${uuid}) calls itself ${calledItself}, the name of another rack`,
  /** @param racks use that user's API keys @param more how many more racks do */
  'rack-owner-lost': ({ user, racks, more }: { user: string; racks: readonly string[]; more: number }) => {
    const names = `${joinTexts(racks)}${more === 0 ? '' : ` and ${more} more`}`;
    return `refused racks with an API key of ${user}, who is no longer an administrator: ${names}; put an administrator's key in their region.api_key_file, and restart them`;
  },
  'rack-described': ({ rack, differs }: RackName & Differs) =>
    `changed the description of the rack ${rack}${changesText(differs)}`,
  'rack-judged': ({
    verdict,
    rack,
    uuid,
    shared = [],
  }: RackName & {
    verdict: 'accepted' | 'rejected' | 'removed';
    shared?: readonly string[] | undefined;
  }) => `${verdict} rack ${rack} (${uuid})${shared.length === 0 ? '' : `; it shares ${joinTexts(shared)}`}`,
  'networks-doubted': (params: { rack: string; first: NetworkDoubt; more: number }) =>
    `rack ${params.rack} reports a network that a person must agree to: ${networksDoubtedWords(params)}`,
  'rack-away': ({ rack, heardMs }: { rack: string; heardMs: number }) =>
    `rack ${rack} has been silent since ${momentText(heardMs)}`,
  'rack-back': ({ rack }: { rack: string }) => `rack ${rack} reports again`,
  'events-lost': ({ rack, events }: { rack: string; events: number }) =>
    `rack ${rack} lost ${counted(events, 'event')}, because its outbox was full`,

  'settings-changed': ({
    changes,
    differs,
  }: { changes: readonly { readonly key: string; readonly isRemoved: boolean }[] } & Differs) =>
    differs === undefined
      ? joinTexts(changes.map(({ key, isRemoved }) => `${isRemoved ? 'removed' : 'set'} ${key}`))
      : `changed${changesText(differs)}`,
  'user-created': ({ user, isAdmin }: { user: string; isAdmin: boolean }) =>
    `created the ${isAdmin ? 'administrator' : 'user'} ${user}`,
  'user-rights-changed': ({ user, isAdmin }: { user: string; isAdmin: boolean }) =>
    `made ${user} ${isAdmin ? 'an administrator' : 'a user'}`,
  'user-email-changed': ({ user, differs }: { user: string } & Differs) =>
    `changed the e-mail address of ${user}${changesText(differs)}`,
  'user-removed': ({ user }: { user: string }) => `removed the account ${user}`,
  'password-changed': ({ user }: { user: string }) => `changed the password of ${user}`,
  'signed-in': ({ from }: { from: string }) => `signed in on the page from ${from}`,
  'signed-out': ({ from }: { from: string }) => `signed out from ${from}`,
  /** @param user empty: there is no such account, and what was typed may be a password */
  'password-wrong': ({ user, from, count }: { user: string; from: string; count: number }) =>
    `${counted(count, 'wrong password')} from ${from}, ${user === '' ? 'for an account that does not exist' : `for ${user}`}`,
  /** @param name empty: none */
  'api-key-made': ({ name }: { name: string }) => (name === '' ? 'made an API key' : `made an API key for ${name}`),
  /** @param name the new name; empty: none */
  'api-key-changed': ({ change, name }: { change: 'renamed' | 'removed'; name: string }) =>
    `${change} ${name === '' ? 'an API key' : `the API key ${name}`}`,
  'owner-changed': ({ from, to }: { from: string; to: string }) =>
    `its owner is now ${to}, instead of ${from}, whose account was removed`,
  'ssh-key-added': ({ user }: { user: string }) => `added an SSH key of ${user}`,
  'ssh-key-removed': ({ user }: { user: string }) => `removed an SSH key of ${user}`,
  'device-added': () => 'added as a device',
  'tag-created': ({ tag }: { tag: string }) => `created the tag ${tag}`,
  'tag-changed': ({ tag, differs }: { tag: string } & Differs) => `changed the tag ${tag}${changesText(differs)}`,
  'tag-deleted': ({ tag }: { tag: string }) => `deleted the tag ${tag}`,
  /** @param change of this machine; `undefined`: an earlier version stored the event, of several machines */
  'tag-assigned': ({ tag, change }: { tag: string; change?: 'added' | 'removed' | undefined }) =>
    change === undefined ? `changed which machines have the tag ${tag}` : `${change} the tag ${tag}`,
  'area-changed': ({ area, name, change, differs }: { area: AreaKind; name: string; change: BootChange } & Differs) =>
    `${change} the ${area} ${name}${changesText(differs)}`,
  /**
   * @param from `undefined`: an earlier version stored the event @param rack `undefined`: it is of
   * a machine
   */
  'zone-set': ({ zone, from, rack }: { zone: string; from?: string | undefined; rack?: string | undefined }) =>
    `moved ${rack === undefined ? '' : `the rack ${rack} `}${from === undefined ? '' : `from the zone ${from} `}to the zone ${zone}`,
  'script-added': ({ script }: { script: string }) => `added the script ${script}`,
  'script-changed': ({ script, differs }: { script: string } & Differs) =>
    `changed the script ${script}${changesText(differs)}`,
  'script-removed': ({ script }: { script: string }) => `removed the script ${script}`,
  /** @param why why it is trusted without a signature; `undefined`: it is signed, or removed */
  'boot-source-changed': ({
    change,
    source,
    why,
    differs,
  }: { change: BootChange; source: string; why?: string | undefined } & Differs) =>
    `${change} the image source ${source}${why === undefined ? '' : `, trusted without a signature: ${why}`}${changesText(besidesTrust(differs))}`,
  /** @param image such as `ubuntu/noble`, with `*` for all */
  'boot-selection-changed': ({
    change,
    image,
    source,
    differs,
  }: { change: BootChange; image: string; source: string } & Differs) =>
    `${change} the selection ${image} of ${source}${changesText(differs)}`,
  /** @param name a name, a network, a range such as `10.20.0.10-10.20.0.19`, or an address */
  'networks-scanned': ({ networks }: { networks: readonly string[] }) => `had ${joinTexts(networks)} scanned`,
  'lease-changed': ({ change, ip }: { change: 'end' | 'clear'; ip: string }) =>
    change === 'end' ? `ended the lease of ${ip}` : `returned ${ip}, which was set aside, to its range`,
  'network-changed': ({
    change,
    what,
    name,
    differs,
  }: { change: BootChange; what: NetworkNoun; name: string } & Differs) =>
    `${change} the ${what} ${name}${changesText(differs)}`,
  /** @param isEmpty nothing is selected, so the import brings nothing */
  'import-asked': ({ isStop, isEmpty = false }: { isStop: boolean; isEmpty?: boolean }) => {
    if (isStop) return 'stopped the import of images';
    return isEmpty ? 'requested an import of images, but none is selected' : 'requested an import of images';
  },
  'image-wished': ({ image, wish }: { image: string; wish: keyof typeof WISH_WORDS }) => `${WISH_WORDS[wish]} ${image}`,
  'image-downloading': ({ image, percent, total }: { image: string; percent: number; total: number }) =>
    `${percent} % of ${image} (${formatBytes(total)})`,
  /** API 1.0. @param error empty: none */
  'download-reported': ({
    rack,
    file,
    bytes,
    size,
    error,
  }: {
    rack: string;
    file: string;
    bytes: number;
    size: number;
    error: string;
  }) =>
    `rack ${rack} has ${formatBytes(bytes)}${size === 0 ? '' : ` of ${formatBytes(size)}`} of ${file}${error === '' ? '' : `: ${error}`}`,
  'image-imported': ({ image, serial, source }: { image: string; serial: string; source: string }) =>
    `imported ${image}/${serial} from ${source}`,
  'image-import-waits': ({ image, reason }: { image: string; reason: ImportReason }) =>
    `${image}: ${importText(reason)}`,
  'image-import-failed': ({ image, reason }: { image: string; source: string; reason: ImportReason }) =>
    `${image} was not imported: ${importText(reason)}`,
  /** @param name that of a source, or of a selection; empty: the whole import */
  'image-left-out': ({ name, reason }: { name: string; reason: ImportReason }) =>
    `${name === '' ? 'the import failed' : `${name} was not imported`}: ${importText(reason)}`,
  /** @param image without its serial until it is `added` */
  'image-upload': ({ image, step }: { image: string; step: UploadStage }) => UPLOAD_WORDS[step](image),
  'image-upload-failed': ({ image, reason }: { image: string; reason: ImportReason }) =>
    `the upload of ${image} failed: ${importText(reason)}`,
};

const SIGNAL_WORDS: SignalWords = {
  quote: (happening) => happeningWords(happening),
  stage: stageWords,
  running: (script) => `running script ${script}`,
  ended: (script, exitStatus) => `script ${script} ended with status ${exitStatus}`,
  passed: (script) => `script ${script} passed`,
  output: (output) => `output: ${output}`,
};

const QUOTING_EVENTS: Writers<QuotingParams> = {
  signal: (params) => signalText(params, SIGNAL_WORDS),
  'signal-unasked': (params) => unaskedText(params, SIGNAL_WORDS),
  'work-overran': overranWords,
  'power-doubted': ({ doubt, minutes }) =>
    `${happeningWords(doubt)}; no sign of life in the ${counted(minutes, 'minute')} since`,
  'work-restarted': ({ why }) => `${happeningWords(why)}; restarting it`,
};

const EVENTS: Writers<OwnParams> = { ...OWN_EVENTS, ...QUOTING_EVENTS };

/** Words that continue a sentence about the machine or rack in doubt, by code. */
export const DOUBTS: Writers<Pick<OwnParams, Doubt['code']>> = {
  'maybe-one': maybeOneWords,
  'maybe-two': maybeTwoWords,
  'interface-claimed': ({ machine, macs }) =>
    `may be the same machine as ${formatMachineName(machine)}, which claimed ${joinTexts(macs)}, from which this machine booted`,
  'networks-doubted': networksDoubtedWords,
};

/** A sentence within a sentence. */
const happeningWords = (happening: Happening): string =>
  isReported(happening) ? reportedSentence(happening) : write(EVENTS, happening);

/** The parameters of events, and of remarks that are not events. */
type OwnRemarks = OwnParams & WrittenParams<typeof REMARKS>;
type RemarkParams = RackEventParams & OwnRemarks;

/** Why a machine is in its state, or what it does. */
export type Remark<Code extends keyof RemarkParams = keyof RemarkParams> = Coded<RemarkParams, Code>;

const REMARKS = {
  /** The words of a person or of the machine. */
  said: ({ text }: { text: string }) => text,
  /** A person must switch it on. */
  'waits-for-hand': () => 'waiting to be switched on',
  /** The same for a machine that is on. */
  'waits-for-restart': () => 'waiting to be restarted by hand',
  'has-started': () => 'it has started',
  /** Its installed system was seen. */
  'system-seen': () => 'its system was seen with its address',
  /** A person may have to switch it off. */
  'may-be-running': () => 'it may still be running: switch it off by hand',
  'failed-without-reason': () => 'it failed without giving a reason',
  'boots-from-network': () => 'booting from the network',
  'runs-checks': () => 'running the checks',
  'writes-disk': () => 'writing the disk',
  'starts-own-system': () => 'starting its own system',
};

const SENTENCE_CHARACTERS_MAX = 500;

export const WRITERS: Writers<OwnRemarks> = { ...EVENTS, ...REMARKS };
/** The writers for doubts that are still open. */
const DOUBT_WRITERS: Writers<OwnRemarks> = { ...WRITERS, ...DOUBTS };

/** True if this version knows the code; its parameters were stored with it. */
export const isHappening = (stored: { readonly code: string; readonly params: unknown }): stored is Happening =>
  isReported(stored) || Object.hasOwn(EVENTS, stored.code);

export const isRemark = (stored: { readonly code: string; readonly params: unknown }): stored is Remark =>
  isReported(stored) || Object.hasOwn(WRITERS, stored.code);

/** Sentences in another language, by code. */
export type HappeningWords = Partial<Writers<OwnRemarks>>;
/** The same of doubts that are still open. */
export type DoubtWords = Partial<typeof DOUBTS>;

const ready = <Code extends keyof OwnRemarks>(
  words: Writers<OwnRemarks>,
  own: HappeningWords,
  { code, params }: Remark<Code>,
): string => (own[code] ?? words[code])(params);

const writeRemark = (words: Writers<OwnRemarks>, own: HappeningWords, remark: Remark): string =>
  cleanText(isReported(remark) ? reportedSentence(remark) : ready(words, own, remark), SENTENCE_CHARACTERS_MAX);

/**
 * Cleaned, and at most SENTENCE_CHARACTERS_MAX characters long. @param own in English without one
 * of its code
 */
export const eventSentence = (happening: Happening, own: HappeningWords = {}): string =>
  writeRemark(WRITERS, own, happening);

/** Only administrators may read power parameters. */
export const shownTo =
  ({ isAdmin }: { readonly isAdmin: boolean }) =>
  <Event extends Happening>(event: Event): Event =>
    isAdmin ? event : { ...event, params: withoutPrivate(event.params) };

/** The sentence of a remark for every reader; empty if there is none. */
export const remarkSentence = (remark: Remark | undefined, own: HappeningWords = {}): string =>
  remark === undefined ? '' : writeRemark(WRITERS, own, withoutPrivate(remark));

/** @param doubt another version's may be an event without such words */
export const doubtWords = (doubt: Doubt | Happening, own: HappeningWords = {}): string =>
  writeRemark(DOUBT_WRITERS, own, doubt);

/** Begins with the hardware address of an unknown machine. */
export const loggedSentence = (
  event: Happening & { readonly stranger?: MacAddress | undefined },
  own: HappeningWords = {},
): string =>
  event.stranger === undefined
    ? eventSentence(event, own)
    : `${formatMac(event.stranger)}: ${eventSentence(event, own)}`;
