// The power drivers, their parameters and what came of an action or a query, in words.

import { cleanText } from '../../ground/clean-text.ts';
import { counted, joinNames } from '../../ground/counted.ts';
import { type Writers, write } from '../../ground/event.ts';
import type { PowerDriverName } from '../../machines/power-drivers.ts';
import type { CommandParameter } from '../../power/command-driver.ts';
import type { Complaint, PowerDetail, PowerDetailParams } from '../../power/detail.ts';
import type { IpmiParameter } from '../../power/ipmi.ts';
import type { ParameterProblem } from '../../power/parameters.ts';
import type { RedfishParameter } from '../../power/redfish.ts';
import type { VirshParameter } from '../../power/virsh.ts';
import type { WakeOnLanParameter } from '../../power/wakeonlan.ts';
import type { WebhookParameter } from '../../power/webhook.ts';

export interface ParameterWords {
  readonly label: string;
  /** Valid values that the label does not name. */
  readonly expects?: string;
}

interface DriverWords<Name extends string> {
  readonly label: string;
  readonly parameters: Readonly<Record<Name, ParameterWords>>;
}

const MANUAL: DriverWords<never> = { label: 'Manual', parameters: {} };

const WAKE_ON_LAN: DriverWords<WakeOnLanParameter> = {
  label: 'Wake-on-LAN',
  parameters: {
    mac_address: {
      label: 'Hardware address of the card that wakes',
      expects: 'six pairs of hexadecimal digits',
    },
    power_pass: {
      label: 'Password (SecureOn)',
      expects: 'six or four pairs of hexadecimal digits, as the card has it',
    },
  },
};

const IPMI: DriverWords<IpmiParameter> = {
  label: 'IPMI',
  parameters: {
    power_address: {
      label: 'Address of the BMC',
      expects: 'an address or a name, and a port if it is not 623: 10.0.0.5, bmc-7:6230, [fd00::5]:623',
    },
    power_user: { label: 'User', expects: 'at most 16 printable ASCII characters' },
    power_pass: { label: 'Password', expects: 'at most 20 printable ASCII characters' },
    power_driver: { label: 'Protocol: IPMI 2.0 or 1.5' },
    power_boot_type: { label: 'Firmware to boot with' },
    power_off_mode: { label: 'How to switch off: hard if the BMC has no soft off' },
    cipher_suite_id: { label: 'Cipher suite' },
    privilege_level: { label: 'Privilege level' },
    k_g: {
      label: 'Key of the BMC (K_g)',
      expects:
        'at most 20 printable ASCII characters: ipmitool accepts other keys only as an argument, which every user can see',
    },
    mac_address: { label: 'Hardware address of the BMC', expects: 'six pairs of hexadecimal digits' },
    workaround_flags: {
      label: 'Flags for FreeIPMI, which ipmitool does not need',
      expects: 'names separated by commas',
    },
  },
};

const REDFISH: DriverWords<RedfishParameter> = {
  label: 'Redfish',
  parameters: {
    power_address: {
      label: 'Address of the BMC',
      expects: 'an address or a name, with a port if it is not 443, or a URL: 10.0.0.5, bmc-7:8443, https://[fd00::5]',
    },
    power_user: { label: 'User', expects: 'at most 128 printable ASCII characters' },
    power_pass: { label: 'Password', expects: 'at most 256 printable ASCII characters' },
    node_id: { label: 'System, if the BMC has several', expects: 'its Id, or the path of its resource' },
    power_certificate: {
      label: 'Certificate of the BMC',
      expects:
        'the SHA-256 fingerprint that it must have, known (of an authority that the host trusts), or any; empty: the first one is kept',
    },
  },
};

const VIRSH: DriverWords<VirshParameter> = {
  label: 'Virsh (virtual machines)',
  parameters: {
    power_address: {
      label: 'URI of the host',
      expects: 'a libvirt URI: qemu+ssh://user@host/system, qemu:///system, qemu+tls://host/system, test:///default',
    },
    power_id: {
      label: 'Name of the virtual machine',
      expects: "the machine's name or UUID there; if its name is a number, its UUID (virsh domuuid NAME)",
    },
    power_pass: {
      label: 'Password',
      expects:
        'only at qemu+ssh://, for a host that does not accept the key of `rackboot power key`; at most 128 printable characters',
    },
  },
};

const WEB_URL = 'an http or https URL without a user name';
const EXPRESSION =
  'a regular expression of RE2, without look-around, back references and long repetitions, of at most 512 characters';
const ASCII = 'printable ASCII characters';

const WEBHOOK: DriverWords<WebhookParameter> = {
  label: 'Webhook',
  parameters: {
    power_on_uri: { label: 'URL that switches on (POST)', expects: WEB_URL },
    power_off_uri: { label: 'URL that switches off (POST)', expects: WEB_URL },
    power_query_uri: { label: 'URL that returns the state (GET)', expects: WEB_URL },
    power_on_regex: { label: "Matches the query's answer when the machine is on", expects: EXPRESSION },
    power_off_regex: { label: "Matches the query's answer when the machine is off", expects: EXPRESSION },
    power_user: { label: 'User', expects: ASCII },
    power_pass: { label: 'Password', expects: ASCII },
    power_token: { label: 'Token, instead of user and password', expects: ASCII },
    power_verify_ssl: { label: 'Check the certificate' },
  },
};

const ANY_TEXT = 'what the program expects; at most 512 printable characters';

const COMMAND: DriverWords<CommandParameter> = {
  label: 'Program',
  parameters: {
    power_command: {
      label: 'Program',
      expects: 'the name of a file in /etc/rackboot/power, or of a program that Rackboot brings, such as tasmota',
    },
    power_address: { label: 'Address', expects: ANY_TEXT },
    power_user: { label: 'User', expects: ANY_TEXT },
    power_pass: { label: 'Password', expects: ANY_TEXT },
    power_id: { label: 'Name or number of the machine there', expects: ANY_TEXT },
  },
};

const WORDS: Readonly<Record<PowerDriverName, DriverWords<string>>> = {
  manual: MANUAL,
  wakeonlan: WAKE_ON_LAN,
  ipmi: IPMI,
  redfish: REDFISH,
  virsh: VIRSH,
  webhook: WEBHOOK,
  command: COMMAND,
};
/** Keyed by any text: a store may hold a driver of another version. */
const DRIVERS: ReadonlyMap<string, DriverWords<string>> = new Map(Object.entries(WORDS));

/** A driver's label for people; its own name if this table has none. */
export const driverLabel = (driver: string): string => DRIVERS.get(driver)?.label ?? driver;

export const parameterWords = (driver: string, name: string): ParameterWords =>
  DRIVERS.get(driver)?.parameters[name] ?? { label: name };

export function faultText({ driver, parameter, fault }: ParameterProblem): string {
  switch (fault.kind) {
    case 'missing':
    case 'invalid': {
      const { label, expects = label } = parameterWords(driver, parameter);
      const choices = fault.choices === undefined ? undefined : `one of ${fault.choices.join(', ')}`;
      return `is ${fault.kind}; give ${choices ?? expects}`;
    }
    case 'unknown': {
      const hint = fault.meant.length === 0 ? '' : `; did you mean ${fault.meant.join(', ')}?`;
      return `not a parameter of this driver, which has ${fault.known.join(', ') || 'none'}${hint}`;
    }
  }
}

export const problemText = (problem: ParameterProblem): string => `${problem.parameter}: ${faultText(problem)}`;

const COMPLAINTS: Readonly<Record<Complaint, string>> = {
  'wrong-password': 'the password is wrong',
  'wrong-password-or-key': 'password or key is wrong',
  'no-such-user': 'the BMC has no such user',
  'wrong-privilege-level': 'the user may not have that privilege level',
  'may-not-switch': 'the user may not switch power',
  'unknown-cipher-suite':
    'the BMC does not know this cipher suite or protocol; set cipher_suite_id to one that it has (without it, 3 and 17 are tried), or another power_driver',
  'sessions-taken': 'all sessions of the BMC are taken',
  'unknown-name': 'its name is unknown',
  'no-answer': 'no answer',
  'stopped-answering': 'the BMC stopped answering',
  'no-session': 'no session could be opened',
  'host-key-changed': "the host's key has changed: if you expect that, remove its line from Rackboot's ssh/known_hosts",
  'key-not-accepted':
    'the host accepts neither our key nor a password: add the line from `rackboot power key` to its authorized_keys, or correct power_pass',
  'may-not-manage': 'the user may not manage virtual machines there: on Debian it must be in the group libvirt',
  'no-such-guest': 'the host has no such virtual machine',
  'no-redfish': 'it answers, but not as a service of Redfish: enable Redfish in the BMC, or correct power_address',
  'several-systems': 'it has several systems: set node_id to one of them',
  'no-such-system': 'it has no system with this node_id',
  'no-reset-type': 'it offers no way to do that',
  'no-boot-target': 'it offers no boot from the network',
};
const ACTS: Readonly<Record<PowerDetailParams['person-must']['act'], string>> = {
  on: 'switch it on',
  off: 'switch it off',
  'soft-off': 'shut it down',
  restart: 'restart it: it is running, and its driver only switches on',
  query: 'check whether it is on',
};

/** Racks that an outcome names. */
const WAKERS_NAMED_MAX = 4;

const formatDetail = (detail = ''): string => (detail === '' ? '' : `: ${detail}`);
/** The controller's address, for those who get it. */
const theHost = (host: string): string => host || 'the controller';

/** Parameters that the reader may not see are empty (`power/detail.ts`). */
const DETAILS: Writers<PowerDetailParams> = {
  acknowledged: ({ said }) => said || 'done',
  'program-missing': ({ program, command }) => `${program} is not installed: ${command}`,
  'not-started': ({ program, said = 'it was cancelled' }) => `${program} was not started${formatDetail(said)}`,
  'program-late': ({ program, said }) => `${program} did not end in time${formatDetail(said)}`,
  'program-failed': ({ program, status, said }) => said || `${program} ended with ${status}`,
  'program-aborted': ({ program, status, said }) =>
    `${program} itself failed, with status ${status}${formatDetail(said)}`,
  complaint: ({ meaning, said }) => `${COMPLAINTS[meaning] ?? meaning}${said === '' ? '' : ` (${said})`}`,
  'no-state': ({ said }) => `no power state in${formatDetail(said) || ' the answer'}`,

  'http-status': ({ status }) => `HTTP ${status}`,
  'http-redirect': ({ status }) => `HTTP ${status} redirects elsewhere, which is not followed: set the final URL`,
  'web-late': ({ host, seconds }) => `${theHost(host)} did not answer in ${seconds} s`,
  'web-failed': ({ host, said }) => `${theHost(host)} cannot be asked${formatDetail(said)}`,
  'certificate-untrusted': ({ host, said }) =>
    `the certificate of ${theHost(host)} is not trusted${said === '' ? '' : ` (${said})`}: install one from a known authority, or set power_verify_ssl to n`,
  'certificate-changed': ({ host, expected, now }) =>
    `the certificate of ${theHost(host)} has changed, so no password was sent: it was ${expected}, and is ${now}. If you expect that, set power_certificate to the new one`,
  cancelled: () => 'it was cancelled',
  'expression-matches': ({ state }) => `power_${state}_regex matches the answer`,
  'no-expression-matches': ({ characters }) => {
    const searched =
      characters === 0 ? 'the empty answer' : `the first ${counted(characters, 'character')} of the answer`;
    return `neither power_on_regex nor power_off_regex matches ${searched}`;
  },

  'no-power-program': ({ path }) => `there is no program ${path} that can be run, nor one of that name in Rackboot`,
  'power-program-open': ({ path }) =>
    `${path} is not run, because others than root can change it or its directory: sudo chown root ${path}; sudo chmod go-w ${path}`,
  'boots-from-network': ({ guest }) => `${guest || 'it'} boots from the network first`,
  'boots-otherwise': ({ guest }) =>
    `${guest || 'it'} does not boot from the network first, and Rackboot does not change its boot order: run virsh edit ${guest || 'NAME'}, and put <boot dev='network'/> first`,
  'by-hand': () => 'it is switched by hand',
  'wake-sent': ({ by }) =>
    `${joinNames(
      by.map(({ rack, interfaces }) => `${rack} (${interfaces.join(', ')})`),
      WAKERS_NAMED_MAX,
    )} sent a magic packet, which has no answer; if the machine stays off, press its button, allow Wake-on-LAN in its firmware, switch off ErP, deep sleep and fast start, and check mac_address and the cable`,
  'no-rack-wakes': () =>
    'no rack that serves its network could send a magic packet: rackboot racks list shows which are connected',
  'no-rack-hears': () => 'no rack knows an address of it to ask',
  'answers-arp': () => 'it answers by ARP',
  silent: () => 'it does not answer by ARP: it is off, starts, or has another address',
  'person-must': ({ act }) =>
    `a person must ${ACTS[act]}${act === 'restart' ? '' : ': Rackboot does not switch this machine'}`,

  'not-ours': () => 'another process of the region may switch this machine now, so the next step was not started',
  'no-network-boot': ({ started, why }) =>
    `${detailText(started)}; but it may not boot from the network: ${detailText(why)}`,
  unseen: ({ asked, look }) => `${detailText(asked)} (${detailText(look)})`,
  'not-seen': ({ asked, seconds, look }) => `${detailText(asked)}, but after ${seconds} s: ${detailText(look)}`,
  still: ({ state }) => `it is still ${state}`,

  interrupted: () => 'Rackboot ended during this action; whether it was done is unknown',
  stopping: () => 'Rackboot is stopping',
  'other-command': ({ command }) => `the machine is busy with another command: ${command}`,
  'too-many-queries': () => 'too many queries are waiting; try again later',
  'no-driver': ({ driver }) => `there is no power driver ${driver || 'none'}: set the machine's power_type`,
  'bad-parameters': ({ problems }) => `power_parameters: ${problems.map(problemText).join('; ')}`,
  'controller-busy': ({ controller }) =>
    `its controller was busy with other machines for too long${formatDetail(controller)}`,
  'no-end': ({ seconds }) => `not finished within ${seconds} s`,
  'no-answer': ({ seconds }) => `no answer within ${seconds} s`,
  'not-recorded': ({ said }) => `not done, because it could not be recorded first${formatDetail(said)}`,
  'driver-bug': ({ said }) => `a bug in the driver${formatDetail(said)}`,
};

function detailText(detail: PowerDetail): string {
  return write<PowerDetailParams, keyof PowerDetailParams>(DETAILS, detail);
}

/** Empty: none. @param quoted the controller's raw answer, for administrators */
export function powerText(detail: PowerDetail | undefined, quoted?: string): string {
  const text = detail === undefined ? '' : cleanText(detailText(detail));
  return quoted === undefined ? text : `${text}; the controller answered: ${quoted}`;
}

/**
 * Parameters for those who may read power parameters: a program's words hold the address and the
 * user that it was given.
 */
const PRIVATE: readonly string[] = ['said', 'host', 'controller', 'guest'];

/** The values of settings and of power parameters. */
const VALUES: readonly string[] = ['from', 'to'];

/**
 * A value for all readers. In every `detail` of power, private parameters are empty; of a change
 * only the fields are named.
 */
export function withoutPrivate<Value>(value: Value): Value {
  const ofDetail = (key: string, part: unknown): unknown => (PRIVATE.includes(key) ? '' : part);
  const ofDiffers = (key: string, part: unknown): unknown => (VALUES.includes(key) ? undefined : part);
  const ofValue = (key: string, part: unknown): unknown => {
    if (part === undefined) return part;
    if (key === 'detail') return JSON.parse(JSON.stringify(part, ofDetail));
    return key === 'differs' ? JSON.parse(JSON.stringify(part, ofDiffers)) : part;
  };
  return JSON.parse(JSON.stringify(value, ofValue));
}

/** A raw answer: a successful HTTP status, which adds nothing, or a JSON or HTML body. */
const RAW = /(?:^|: )HTTP 2\d\d\b.*|: [[{<].*/s;
/** Our own words after the raw answer. */
const ADDED = /[,;] but .*/s;

export function plainWords(text: string): string {
  const match = RAW.exec(text);
  const added = ADDED.exec(match?.[0] ?? '')?.[0] ?? '';
  const words = `${text.slice(0, match?.index)}${added}`.replace(/^[,;] /, '');
  return words === '' && text !== '' ? 'it answered' : words.replace(/^HTTP \d/, (code) => `it answered ${code}`);
}

/**
 * The sentence of a power reading. Only administrators see the machine's address and the
 * controller's answer.
 */
export const readingText = (
  reading: { readonly detail?: PowerDetail | undefined; readonly said?: string | undefined } | undefined,
  isAdmin: boolean,
): string =>
  isAdmin ? powerText(reading?.detail, reading?.said) : powerText(withoutPrivate({ detail: reading?.detail }).detail);
