// The English sentences of the event log: for each code, a function of its parameters.
//
// 1. A sentence has no full stop at its end, and begins with a lower-case letter unless it begins with a name. The page and the command line
//    capitalise it.
// 2. Everything that varies is a parameter, so no code needs to parse a sentence.

import { counted } from '../../../counted.ts';
import type { LeftOut } from '../../records/bounded-facts.ts';
import type {
  EventParams,
  FailedScript,
  Happening,
  MachineName,
  NetworkDoubt,
  ReportIgnored,
  ReportRefusals,
  SeenElsewhere,
  SignalParams,
  StageReport,
  UploadStage,
} from '../../records/event-params.ts';
import type { IdentityKind } from '../../records/identity-kind.ts';
import type { PowerTask } from '../../records/power-task.ts';
import { REPORT_REFUSALS } from '../../records/report-refusal.ts';
import { isReported } from '../../records/reported-event.ts';
import type { ResourceWish } from '../../records/resource-wish.ts';
import { importText } from './imports.ts';
import { stateName } from './names.ts';
import { ACTIONS } from './page-actions.ts';
import { powerText } from './power-details.ts';
import { mistakeAtText } from './preseed.ts';
import { formatBytes } from './quantity.ts';
import { ofReport, RACK_EVENTS } from './rack-events.ts';
import type { DoubtWords, EventWords, Writers } from './table.ts';

/** The requests that a person can make for an image. */
const WISH_WORDS: Readonly<Record<ResourceWish, string>> = {
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

/** The change of a machine's power: "it was switched on". */
const SWITCHED: Readonly<Record<PowerTask, string>> = {
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

const nameOf = ({ hostname, systemId }: MachineName): string => `${hostname} (${systemId})`;
const joined = (texts: readonly string[]): string => texts.join(', ');
const kindsOf = (kinds: readonly IdentityKind[]): string => joined(kinds.map((kind) => KINDS[kind]));
/** A colon and the text; empty for an empty text. */
const after = (text: string): string => (text === '' ? '' : `: ${text}`);
const since = (times: number | undefined): string =>
  times === undefined || times < 2 ? '' : ` (${counted(times, 'time')} since the last such event)`;
/** The singular and plural for each list of the hardware. */
const PARTS: Readonly<Record<LeftOut['list'], readonly [one: string, many: string]>> = {
  disks: ['disk', 'disks'],
  nics: ['interface', 'interfaces'],
  memory_banks: ['memory module', 'memory modules'],
  processors: ['processor', 'processors'],
};
const without = (leftOut: readonly LeftOut[]): string => {
  const parts = leftOut.map(({ list, left, given }) => `the last ${left} of ${counted(given, ...PARTS[list])}`);
  return parts.length === 0 ? '' : `; too large to store, without ${joined(parts)}`;
};
const whyOther = (differs: readonly IdentityKind[]): string =>
  differs.length === 0 ? 'which is another machine' : `which has another ${kindsOf(differs)}`;

/** The commands that say whether two machines are one. */
const oneOrTwo = (own: string, other: MachineName): string =>
  `If they are one: rackboot machines merge ${other.systemId} ${own}; ` +
  `if they are two: rackboot machines keep-apart ${other.systemId} ${own}`;

const maybeOneWords = ({ machine, macs, same }: EventParams['maybe-one']): string => {
  const kinds = same.length === 0 ? '' : `the same ${kindsOf(same)}`;
  const both = [joined(macs), kinds].filter((text) => text !== '').join(' and ');
  return `may be the same machine as ${nameOf(machine)}: both show ${both}`;
};

const maybeTwoWords = ({ booted, isBack, macs, systemId }: EventParams['maybe-two']): string =>
  `may be two machines with one UUID and one serial number: ${booted} booted ${isBack ? 'again ' : ''}` +
  `without ${joined(macs)}, which ${isBack ? 'had taken its place' : 'reported shortly before'}. ` +
  `If they are two: rackboot machines split ${systemId} --mac ${macs.join(' ')}; if a card was swapped, accept the machine`;

/** A report of cloud-init or curtin. */
const stageWords = ({ name, isEnd, result, said }: StageReport): string => {
  const end = isEnd ? ` ended${result === '' ? '' : ` (${result})`}` : ' begins';
  return `${name}${end}${said === name ? '' : after(said)}`;
};

/** The words of a signal; empty if it has none. */
function signalWords({ stage, message, report, fault, script, exitStatus, output }: SignalParams): string {
  const own = report === undefined ? message : stageWords(report);
  const said = fault === undefined ? own : happeningWords(fault);
  const parts = [said, scriptWords(script, exitStatus, said), output === '' ? '' : `output: ${output}`];
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
  return `script ${name} ${ends[end]}${after(said)}`;
}

/** A script's state, unless the machine's message contains it. */
function scriptWords(script: string | undefined, exitStatus: number | undefined, said: string): string {
  if (script === undefined) return '';
  if (exitStatus === undefined) return said === '' ? `running script ${script}` : '';
  if (exitStatus !== 0) return `script ${script} ended with status ${exitStatus}`;
  return said.startsWith(script) ? '' : `script ${script} passed`;
}

function overranWords({ status, minutes, isRestarted, isWritten, seen }: EventParams['work-overran']): string {
  const again = isRestarted ? ', even after a restart' : '';
  const heard = seen === undefined ? 'no sign of life' : `last seen: ${happeningWords(seen)}`;
  const last = isWritten ? `its disk was written, but its system was not seen; ${heard}` : heard;
  return `${stateName(status)} did not end within ${counted(minutes, 'minute')}${again}; ${last}`;
}

function ignoredWords(ignored: ReportIgnored): string {
  switch (ignored.why) {
    case 'in-use': {
      const token = ignored.isWithoutToken ? ' without its boot token' : '';
      return `it reported itself in the state ${stateName(ignored.status)}${token}`;
    }
    case 'of-another-card': {
      const shown = ignored.macs.join(' ');
      return (
        `${ignored.booted} reported as this machine by showing ${shown}, but all other evidence says it is another. If it has that card now, ` +
        `\`rackboot machines split ${ignored.systemId} --mac ${shown}\`, or delete this machine`
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

function displacedWords({ from, isProven, newFrom, max, ...machine }: EventParams['machine-displaced']): string {
  const place = (address: string | undefined): string => (address === undefined ? '' : ` from ${address}`);
  return (
    `removed ${nameOf(machine)}, reported${place(from)} and ${isProven ? 'never edited' : 'never booted by a rack'}, ` +
    `to make room for one reported${place(newFrom)}: at most ${max} may be New (region.new_machines_max)`
  );
}

/** The rack whose reports are not believed, and the remedy. */
const elsewhereWords = ({ hostname, rack, home }: SeenElsewhere): string =>
  `rack ${rack} reports it, but its home is rack ${home}. ` +
  `If it was moved: rackboot machines move ${hostname} ${rack}`;

function doubtWords(doubt: NetworkDoubt): { readonly why: string; readonly agreement: string } {
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

/** Why a rack's networks are not believed, with the command to agree to them. */
function networksDoubtedWords({ rack, first, more }: EventParams['networks-doubted']): string {
  const { why, agreement } = doubtWords(first);
  const others = more === 0 ? '' : ` (and ${more} more)`;
  return (
    `${first.network} ${why}${others}, so it is not believed; if ${agreement}: ` +
    `rackboot racks accept ${rack} --share ${first.network}`
  );
}

/** A field's name in words: `powerType` is `power type`. */
const fieldWords = (field: string): string =>
  field.replace(/Id$/, '').replaceAll(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`);

/** A command as the page calls it: `exit-rescue` is `exit rescue mode`. */
function commandWords(command: string): string {
  const label = new Map(Object.entries(ACTIONS)).get(command)?.label ?? command;
  return `${label.charAt(0).toLowerCase()}${label.slice(1)}`;
}

/** The refusals of a machine's report. */
const REFUSED: Writers<ReportRefusals> = REPORT_REFUSALS;

/** By code. */
export const EVENTS: EventWords = {
  rack: ({ text }) => text,
  ...RACK_EVENTS,

  'status-changed': ({ from, to }) => `From '${stateName(from)}' to '${stateName(to)}'`,
  command: ({ command, comment }) => `${commandWords(command)}${after(comment)}`,
  'power-ordered': ({ task, comment }) => `power ${task}${after(comment)}`,
  'power-switched': ({ task, detail }) => `it was ${SWITCHED[task]}${after(powerText(detail))}`,
  'power-off-again': ({ task, status }) =>
    `it was ${SWITCHED[task]}, then powered off again: it is ${stateName(status)}, with nothing to do`,
  'power-uncertain': ({ task, detail }) => `it may have been ${SWITCHED[task]}${after(powerText(detail))}`,
  'power-failed': ({ task, detail }) => `${SWITCH_FAILED[task]}${after(powerText(detail))}`,
  'power-query-failed': ({ detail }) => `the power controller gave no valid answer${after(powerText(detail))}`,
  'power-seen': ({ state }) => `it is ${state}, but Rackboot did not switch it`,
  'owner-data-changed': ({ keys }) => `owner data changed: ${joined(keys)}`,
  'machine-edited': ({ fields }) => `changed: ${joined(fields.map(fieldWords))}`,
  'machine-deleted': ({ status, ...machine }) =>
    `deleted ${nameOf(machine)}${status === undefined ? '' : `, although it was ${stateName(status)}`}`,
  'debug-login-opened': ({ user, untilMs, comment }) => {
    const until = new Date(untilMs).toISOString().slice(0, 16).replace('T', ' ');
    return `debug login opened for the keys of ${user} until ${until} UTC${after(comment)}`;
  },
  'debug-login-closed': () => 'debug login closed',

  signal: signalWords,
  'signal-unasked': ({ status, stage, message, fault }) => {
    const said = fault === undefined ? message : happeningWords(fault);
    return `${status}${after([stage, said].filter((part) => part !== '').join(': '))}`;
  },
  'stage-reported': stageWords,
  'installer-missing': ({ place }) => `the rack that booted it has no installer in its tree: ${place}`,
  'preseed-faulty': mistakeAtText,
  'scripts-failed': ({ failed, more }) =>
    `${failed.map(failedWords).join('; ')}${more === 0 ? '' : `; and ${more} more failed`}`,
  'disk-written': () => 'the disk is written: from now on it boots its own disk',
  'network-wanted': () => 'it asks to boot from the network again',
  'rescue-lasting': () => 'it does not leave rescue mode: its power is switched',
  'work-overran': overranWords,
  'boots-repeated': ({ boots }) =>
    `it booted from the network ${counted(boots, 'time')} without a signal from its work`,
  'power-doubted': ({ doubt, minutes }) =>
    `${happeningWords(doubt)}; no sign of life in the ${counted(minutes, 'minute')} since`,
  'disk-not-starting': ({ starts }) =>
    `its disk does not start: the machine was told ${counted(starts, 'time')} to boot it, and booted from the network again each time`,
  'work-restarted': ({ why }) => `${happeningWords(why)}; restarting it`,

  enlisted: ({ isUnvouched, leftOut, isAdded }) =>
    `${isAdded === true ? 'it was added' : 'it reported itself for the first time'}${isUnvouched ? ', but not from the interface it booted from' : ''}${without(leftOut)}`,
  'hardware-reported': ({ leftOut, times }) => `it reported its hardware${without(leftOut)}${since(times)}`,
  'bmc-reported': ({ address, driver, user }) =>
    `its BMC is at ${address} (${driver})${user === undefined ? '' : `; its user ${user} has a new password`}`,
  'report-ignored': ({ times, ...ignored }) => `${ignoredWords(ignored)}; nothing changed${since(times)}`,
  'enlistment-refused': ({ mac, why }) => (mac === undefined ? '' : `${mac}: `) + withinWords(REFUSED, why),
  'shown-of-another': ({ machine, same, differs }) =>
    `it shows the ${kindsOf(same)} of ${nameOf(machine)}, ${whyOther(differs)}: treated as another machine`,
  'interface-claimed': ({ macs, machine, own }) =>
    `it booted from ${joined(macs)}, which ${nameOf(machine)} had reported as its own and has lost to it. ${oneOrTwo(own, machine)}`,
  'interfaces-moved': ({ macs, machine, differs }) =>
    `${joined(macs)} moved here from ${nameOf(machine)}, ${whyOther(differs)}`,
  'interfaces-kept': ({ macs, machine, differs }) =>
    `it shows ${joined(macs)}, which stays with ${nameOf(machine)}, ${whyOther(differs)}`,
  'interfaces-removed': ({ macs }) =>
    `removed ${joined(macs)}: an unproven report had added it, and the machine itself does not show it`,
  'interfaces-replaced': ({ macs }) => `another card replaced ${joined(macs)}`,
  'maybe-one': (params) => `it ${maybeOneWords(params)}. ${oneOrTwo(params.own, params.machine)}`,
  'maybe-two': (params) => `it ${maybeTwoWords(params)}`,
  'machine-displaced': displacedWords,
  'device-enlisted': ({ user, ...machine }) =>
    `removed the device ${nameOf(machine)} of ${user}: a machine booted from its interface and is enlisted`,
  'machines-merged': ({ machine, macs }) =>
    `merged ${nameOf(machine)} into it${macs.length === 0 ? '' : `, with ${macs.join(' ')}`}`,
  'machine-split': ({ machine, macs }) => `split off ${nameOf(machine)}, with ${macs.join(' ')}`,
  'machine-split-off': ({ machine }) => `split off ${nameOf(machine)}`,
  'machines-kept-apart': ({ one, other }) => `marked ${one} and ${other} as different machines`,

  'home-found': ({ rack, address }) => `its home is now rack ${rack}, which saw it take ${address}`,
  'home-moved': ({ rack, network }) => `moved to rack ${rack}${network === undefined ? '' : `, network ${network}`}`,
  'seen-elsewhere': (params) =>
    `${elsewhereWords(params)}. The rack's reports about it are not believed${since(params.times)}`,
  'rack-registered': ({ rack, uuid, address }) => `rack ${rack} (${uuid}) registered from ${address}`,
  'rack-displaced': ({ rack, uuid, address, newAddress, isSilent, max }) => {
    const why = isSilent ? 'it was silent' : 'its host or network has the most pending racks';
    return `removed pending rack ${rack} (${uuid}) from ${address} for a new one from ${newAddress}: ${why}, and at most ${max} may be pending`;
  },
  'rack-misnamed': ({ rack, uuid, calledItself }) =>
    `rack ${rack} (${uuid}) calls itself ${calledItself}, the name of another rack`,
  'rack-owner-lost': ({ user, racks, more }) => {
    const names = `${joined(racks)}${more === 0 ? '' : ` and ${more} more`}`;
    return `refuses racks with an API key of ${user}, who is no longer an administrator: ${names}; put an administrator's key in their region.api_key_file, and restart them`;
  },
  'rack-described': ({ rack }) => `changed the description of the rack ${rack}`,
  'rack-judged': ({ verdict, rack, uuid, shared = [] }) =>
    `${verdict} rack ${rack} (${uuid})${shared.length === 0 ? '' : `; it shares ${joined(shared)}`}`,
  'networks-doubted': (params) =>
    `rack ${params.rack} reports a network that a person must agree to: ${networksDoubtedWords(params)}`,
  'rack-away': ({ rack, heardMs }) => `rack ${rack} was last heard ${new Date(heardMs).toISOString()}`,
  'rack-back': ({ rack }) => `rack ${rack} reports again`,
  'events-lost': ({ rack, events }) => `rack ${rack} lost ${counted(events, 'event')}, because its outbox was full`,

  'settings-changed': ({ changes }) =>
    joined(changes.map(({ key, isRemoved }) => `${isRemoved ? 'removed' : 'set'} ${key}`)),
  'user-created': ({ user, isAdmin }) => `created the ${isAdmin ? 'administrator' : 'user'} ${user}`,
  'user-rights-changed': ({ user, isAdmin }) => `made ${user} ${isAdmin ? 'an administrator' : 'a user'}`,
  'user-email-changed': ({ user }) => `changed the e-mail address of ${user}`,
  'user-removed': ({ user }) => `removed the account ${user}`,
  'password-changed': ({ user }) => `changed the password of ${user}`,
  'signed-in': ({ from }) => `signed in on the page from ${from}`,
  'signed-out': ({ from }) => `signed out from ${from}`,
  'password-wrong': ({ user, from, count }) =>
    `${counted(count, 'wrong password')} from ${from}, ${user === '' ? 'for an account that does not exist' : `for ${user}`}`,
  'api-key-made': ({ name }) => (name === '' ? 'made an API key' : `made an API key for ${name}`),
  'api-key-changed': ({ change, name }) => `${change} ${name === '' ? 'an API key' : `the API key ${name}`}`,
  'owner-changed': ({ from, to }) => `its owner is now ${to}, instead of ${from}, whose account was removed`,
  'ssh-key-added': ({ user }) => `added an SSH key of ${user}`,
  'ssh-key-removed': ({ user }) => `removed an SSH key of ${user}`,
  'device-added': () => 'added as a device',
  'tag-created': ({ tag }) => `created the tag ${tag}`,
  'tag-changed': ({ tag }) => `changed the tag ${tag}`,
  'tag-deleted': ({ tag }) => `deleted the tag ${tag}`,
  'tag-assigned': ({ tag }) => `changed which machines have the tag ${tag}`,
  'area-changed': ({ area, name, change }) => `${change} the ${area} ${name}`,
  'zone-set': ({ zone }) => `moved to the zone ${zone}`,
  'script-added': ({ script }) => `added the script ${script}`,
  'script-changed': ({ script }) => `changed the script ${script}`,
  'script-removed': ({ script }) => `removed the script ${script}`,
  'boot-source-changed': ({ change, source, why }) =>
    `${change} the image source ${source}${why === undefined ? '' : `, trusted without a signature: ${why}`}`,
  'boot-selection-changed': ({ change, image, source }) => `${change} the selection ${image} of ${source}`,
  'networks-scanned': ({ networks }) => `had ${joined(networks)} scanned`,
  'network-changed': ({ change, what, name }) => `${change} the ${what} ${name}`,
  'import-asked': ({ isStop }) => (isStop ? 'stopped the import of images' : 'requested an import of images'),
  'image-wished': ({ image, wish }) => `${WISH_WORDS[wish]} ${image}`,
  'image-downloading': ({ image, percent, total }) => `${percent} % of ${image} (${formatBytes(total)})`,
  'download-reported': ({ rack, file, bytes, size, error }) =>
    `rack ${rack} has ${formatBytes(bytes)}${size === 0 ? '' : ` of ${formatBytes(size)}`} of ${file}${error === '' ? '' : `: ${error}`}`,
  'image-imported': ({ image, serial, source }) => `imported ${image}/${serial} from ${source}`,
  'image-import-waits': ({ image, reason }) => `${image}: ${importText(reason)}`,
  'image-import-failed': ({ image, reason }) => `${image} was not imported: ${importText(reason)}`,
  'image-left-out': ({ name, reason }) => `${name === '' ? 'nothing' : name} was not imported: ${importText(reason)}`,
  'image-upload': ({ image, step }) => UPLOAD_WORDS[step](image),
  'image-upload-failed': ({ image, reason }) => `the upload of ${image} failed: ${importText(reason)}`,
};

/** Words that continue a sentence about the machine or rack in doubt, by code. */
export const DOUBTS: DoubtWords = {
  'maybe-one': maybeOneWords,
  'maybe-two': maybeTwoWords,
  'interface-claimed': ({ machine, macs }) =>
    `may be the same machine as ${nameOf(machine)}, which claimed ${joined(macs)}, from which this machine booted`,
  'networks-doubted': networksDoubtedWords,
};

/** A sentence within a sentence. */
function happeningWords(happening: Happening): string {
  const sentence = withinWords(EVENTS, happening);
  return isReported(happening) ? ofReport(sentence, happening) : sentence;
}

/** The same for any table; an unknown code, which a later version may have stored, is shown as it is. */
function withinWords<Params, Code extends keyof Params>(
  words: Writers<Params>,
  { code, params }: { readonly code: Code; readonly params: Params[Code] },
): string {
  return Object.hasOwn(words, code) ? words[code](params) : String(code);
}
