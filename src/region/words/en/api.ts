// Why an operation of the API refuses a caller, a parameter or a machine.

import type { KernelParamsRefusal } from '../../../boot/kernel-line.ts';
import { counted } from '../../../counted.ts';
import type { AreaKind } from '../../records/area.ts';
import type { SchemaFault } from '../../records/schema-fault.ts';
import { kernelParamsText } from './kernel-params.ts';
import { MISSING_FUNCTIONS, type MissingFunction } from './maas-config.ts';
import { faultText, problemText } from './power.ts';
import { type KeysFault, keysFaultText } from './published-keys.ts';
import { schemaFaultText } from './schema.ts';
import { didYouMean, inhabitantsText, ownedText, type RefusalTable } from './table.ts';

type Max = { readonly max: number };
type OfKeys = { readonly source: string };
type OfArea = { readonly area: AreaKind };
type Owned = { readonly username: string; readonly machines: number; readonly devices: number };

/** Shown by the API, which has a parameter for it, on the command line, and on the page, whose form has a checkbox. */
const byForce = (machine: string): string =>
  `delete it by force (force=true, or \`rackboot machines remove ${machine} --force\`)`;

const kernelsText = (names: readonly string[]): string =>
  names.length === 0 ? 'import one that fits' : `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;

/** The way to get what a refused parameter asks for, by parameter. */
const NOT_DONE_HINTS: Readonly<Record<string, string>> = {
  bridge_all: ' create_bridge makes bridges.',
  deployed: ' A device keeps the name and the addresses of a host that others deployed.',
};

/** By code. */
export const API = {
  'not-authenticated.key': 'Authenticate with an API key: rackboot apikey prints one.',
  'not-authenticated.ended': 'Nothing was changed: your account, your key or your sign-in has ended. Sign in again.',
  'not-allowed.administrator': 'Only an administrator may do this.',
  'not-allowed.changed': 'Your account, your key or your rights changed during this request: try again.',
  'not-allowed.not-a-user': 'Only a user may do this.',
  'not-allowed.rack': 'A rack may not do this.',
  'not-allowed.machine': 'A machine may not do this.',
  'not-from-here': ({ address }: { readonly address: string }) =>
    `${address} is not in a managed network: machines enlist only from those.`,
  'method-not-allowed.known': ({ methods }: { readonly methods: readonly string[] }) =>
    `Use ${methods.join(', ')} here.`,
  'unknown-operation.known': ({
    method,
    op,
    known,
  }: {
    readonly method: string;
    readonly op: string;
    readonly known: readonly string[];
  }) => `Unrecognised signature: method=${method} op=${op}. Known here: ${known.join(', ')}.`,
  'not-found.machine': 'No machine has this system id.',
  'not-found.region-controller': 'No region has this system id: regioncontrollers/ shows the one that answers.',
  'bad-request.curtin': ({ machine }: { readonly machine: string }) =>
    `${machine} is deployed without curtin, so there is no configuration for it: preseeds and the layout of its disks and interfaces decide.`,
  'bad-request.clone':
    'Rackboot copies no layout from one machine to others: lay out the interfaces and disks of each (nodes/<id>/interfaces, set_storage_layout).',
  'bad-request.chassis':
    'Rackboot does not ask a chassis for its machines: boot them from the network, or add each with POST machines/.',
  'bad-request.domain-serial': 'Each rack raises the serial of its zones with every change: it cannot be set.',
  'bad-request.script-revert': 'A script has no history: send its former text with PUT.',
  'field.rack-power': 'Racks are not switched: omit power_type, or give manual.',
  'field.rack-domain': ({ domain }: { readonly domain: string }) =>
    `All racks are in ${domain}, the domain of the site: omit domain.`,
  'field.machines': ({ systemIds }: { readonly systemIds: string }) => `No machine has the system id ${systemIds}.`,
  'field.nul': 'This text contains the character NUL or half of a surrogate pair, which is not allowed.',
  'field.required': 'This field is required.',
  'field.not-a-system-id': 'is not a system id',
  'field.not-an-event-id': 'is not an event id',
  'field.not-a-place': ({ place }: { readonly place: string }) =>
    `${place} is not a place in the event log: send the last id of the stream, or omit the header to start now`,
  'field.not-a-number': 'is not a number',
  'field.number-range': 'is negative, too large, or has too many decimals',
  'field.not-a-digest': 'is not a SHA-256 digest',
  'field.not-a-disk': 'is not the name of a disk, such as sda',
  'field.no-such-disk': ({ disk, names }: { readonly disk: string; readonly names: readonly string[] }) =>
    `the machine has no ${disk}: it reported ${names.join(', ')}. If its disks have changed since, commission it again`,
  'field.no-such-kernel': ({
    kernel,
    system,
    names,
  }: {
    readonly kernel: string;
    readonly system: string;
    readonly names: readonly string[];
  }) => `${system} has no kernel ${kernel}: ${kernelsText(names)}`,
  'field.kernel-too-old': ({
    kernel,
    least,
    names,
  }: {
    readonly kernel: string;
    readonly least: string;
    readonly names: readonly string[];
  }) => `${kernel} is older than ${least}, the min_hwe_kernel of the machine: ${kernelsText(names)}`,
  'field.kernels-too-old': ({
    system,
    least,
    names,
  }: {
    readonly system: string;
    readonly least: string;
    readonly names: readonly string[];
  }) =>
    `every kernel of ${system} (${names.join(', ')}) is older than ${least}, the min_hwe_kernel of the machine: import a newer one`,
  'field.kernel-installer': 'An installer brings its own kernel: omit hwe_kernel, or deploy by an image.',
  'field.kernel-name': 'Give the name of a kernel of Ubuntu: ga-24.04, hwe-24.04, hwe-24.04-edge, hwe-t.',
  'field.not-a-driver': 'is not the name of a power driver',
  'field.token-form': 'give 8 to 64 letters, digits, _ or -',
  'field.deploy-by': 'is neither image nor installer',
  'field.management': 'Give 0 (no DHCP), 1 (DHCP) or 2 (DHCP and DNS).',
  'field.schema': ({ fault }: { readonly fault: SchemaFault }) => schemaFaultText(fault),

  'field.config-name': ({
    name,
    known,
    meant,
  }: {
    readonly name: string;
    readonly known: readonly string[];
    readonly meant: string | undefined;
  }) => `${name} is not a valid config setting (valid settings are: ${known.join(', ')}).${didYouMean(meant)}`,
  'field.config-missing': ({ name, missing }: { readonly name: string; readonly missing: MissingFunction }) =>
    `${name} is a setting of MAAS, but Rackboot does not have ${MISSING_FUNCTIONS[missing]}.`,
  'field.flag': 'Give true or false.',
  'field.invisible': 'The value has only characters that nobody sees: an empty value removes the setting.',
  'field.agent-name': 'Give a name without control characters.',
  'field.one-line': 'Give one line of text without control characters.',
  'field.value-too-large': 'The value is too large or too deeply nested.',

  'field.mac': ({ text }: { readonly text: string }) => `'${text}' is not a valid MAC address.`,
  'field.macs': 'Give hardware addresses such as 52:54:00:00:00:01.',
  'field.mac-missing': 'At least one address of a network interface is required.',
  'field.rack-to-move': 'No accepted rack has this name or UUID.',
  'field.architecture-reported':
    'Give amd64/generic, or amd64 and one subarchitecture, of an architecture that exists.',
  'field.architecture': 'Give an architecture that exists, such as amd64/generic.',
  'field.hostname': ({ max }: Max) =>
    `Give at most ${max} letters, digits and hyphens, but not an address, localhost, wpad or isatap.`,
  'field.domain': 'Give a domain name.',
  'not-allowed.power': 'Only an administrator may set this: give power_type manual, or ipmi with a numeric address.',
  'not-allowed.domain': ({ domain }: { readonly domain: string }) =>
    `Only an administrator may choose a domain other than ${domain}, because DNS would serve its names to every client.`,
  'not-allowed.enlisted': 'A machine with a key cannot enlist again.',
  'field.state': ({
    text,
    meant,
    states,
  }: {
    readonly text: string;
    readonly meant: string | undefined;
    readonly states: readonly string[];
  }) => `'${text}' is not a state.${didYouMean(meant)} The states are ${states.join(', ')}.`,
  'field.rack': ({ name, meant }: { readonly name: string; readonly meant: string | undefined }) =>
    `No rack is called '${name}'.${didYouMean(meant)} \`rackboot racks list\` shows all.`,
  'machine-locked.removal': ({ machine }: { readonly machine: string }) =>
    `${machine} is locked: unlock it first (\`rackboot machines unlock ${machine}\`), or ${byForce(machine)}.`,
  'machine-in-use.removal': ({
    machine,
    state,
    owner,
  }: {
    readonly machine: string;
    readonly state: string;
    readonly owner: string | undefined;
  }) =>
    `${machine} is ${state}${owner === undefined ? '' : ` and belongs to ${owner}`}: release it or abort its work first, or ${byForce(machine)}.`,

  'field.level': ({ levels }: { readonly levels: readonly string[] }) => `Give one of ${levels.join(', ')}.`,
  'field.events-limit': ({ max }: Max) => `Give a number from 0 to ${max}, the most events of one answer.`,
  'field.before-and-after': 'Give before or after, not both.',

  'field.release': 'Give the release to deploy, such as trixie or debian/trixie.',
  'field.osystem-other': ({ osystem }: { readonly osystem: string }) =>
    `The distro_series names ${osystem}: give that as osystem, or leave osystem out.`,
  'field.user-data': ({ max }: Max) => `Give Base64 of at most ${max} bytes.`,
  'field.user-data-long': ({ bytes, max }: Max & { readonly bytes: number }) =>
    `the user data has ${counted(bytes, 'byte')}; the maximum is ${max}`,
  'field.user-data-kind': ({ known }: { readonly known: readonly string[] }) =>
    `cloud-init would ignore this user data: begin it with one of ${known.join(', ')}, or give a MIME message or gzip`,
  'field.user-data-yaml': ({ line, why }: { readonly line: number; readonly why: string }) =>
    `cloud-init could not read this user data: it is not valid YAML in line ${line}: ${why}`,
  'field.ip-address': 'Give an IPv4 address such as 10.20.0.10.',
  'field.result-type': ({ text, known }: { readonly text: string; readonly known: readonly string[] }) =>
    `'${text}' is not a type of results: give ${known.join(', ')}.`,
  'field.storage': 'Give sizes in GB, and tags of the disk in parentheses: root:50(ssd),100.',
  'field.interfaces': 'Give a label and conditions for each interface: 0:space=dmz;1:subnet=lan,tag=fast.',
  'field.network-condition': ({
    condition,
    text,
    names,
  }: {
    readonly condition: string;
    readonly text: string;
    readonly names: readonly string[] | undefined;
  }) =>
    names === undefined
      ? `No ${condition} is called '${text}': list them, and give a name or id of the list.`
      : `'${condition}' is not a condition: choose one of ${names.join(', ')}.`,
  'field.condition-value': ({
    condition,
    text,
    choices,
  }: {
    readonly condition: string;
    readonly text: string;
    readonly choices: readonly string[];
  }) => `'${text}' is not a value of ${condition}: give ${choices.join(', ')}.`,
  'field.routers-unknown': ({ field }: { readonly field: string }) =>
    `Rackboot does not know to which routers a machine is connected: omit ${field}, and choose by networks.`,
  'field.devices-unknown':
    'Rackboot does not know which PCI and USB devices a machine has: omit devices, and choose by tags.',
  'field.reported': 'Machines report this themselves: omit it, and commission the machine again after a change.',
  'field.boot-type':
    'Give fastpath, or nothing: a node does not keep how it is deployed. For an installer, give deploy_by=installer to `start`.',
  'field.swap-size': 'Rackboot makes no swap file: omit swap_size, and lay out a swap partition.',
  'field.address-family': 'Every machine has IPv4: give false, or nothing.',
  'field.relay-vlan': 'Omit relay_vlan: a relay agent of the network passes requests to the racks.',
  'field.active-discovery': 'Networks are scanned on request (discovery/?op=scan): give false, or nothing.',
  'field.boot-architectures':
    'Racks boot every architecture that they have files for: omit disabled_boot_architectures.',
  'field.pods-missing': ({ field }: { readonly field: string }) =>
    `Rackboot makes no virtual machines, so none is in a pod: omit ${field}.`,
  'tag-changed': ({ tag }: { readonly tag: string }) =>
    `Nothing was changed: ${tag} has another definition by now. Read the tag again, and choose the machines by that.`,
  'field.nodegroup': 'A node belongs to the rack in whose network it boots: omit nodegroup.',
  'field.system-used': ({ machine, state }: { readonly machine: string; readonly state: string }) =>
    `${machine} is ${state}: give osystem and distro_series while it is Ready or Allocated, or to \`start\`.`,
  'field.user-data-power': 'A machine gets user data with its deployment: omit user_data, or give it to `deploy`.',
  'field.layout-kept': ({ field }: { readonly field: 'skip_networking' | 'skip_storage' }) =>
    `Commissioning keeps what people laid out: omit ${field}, and call ${
      field === 'skip_storage' ? 'restore_storage_configuration' : 'restore_networking_configuration'
    } first.`,
  'field.bmc-kept':
    'Commissioning sets up no BMC: omit skip_bmc_config. The agent makes its user on the BMC when the machine enlists.',
  'field.commission-missing': ({ field }: { readonly field: string }) =>
    `A machine that is added takes this only with its commissioning: give commission=true, too, or omit ${field}.`,
  'field.license-key': 'Rackboot deploys no system that needs a license key: omit license_key.',
  'field.not-done': ({ field }: { readonly field: string }) =>
    `Rackboot does not do this: omit ${field}.${NOT_DONE_HINTS[field] ?? ''}`,
  'nothing-matches': 'No Ready machine meets these conditions: accept one, release one, or ask for less.',
  'field.whole-seconds': ({ max }: Max) => `Give a whole number of seconds from 1 to ${max}.`,
  'not-found.run': 'This machine has no such run: give an id, current-commissioning or current-testing.',
  'field.scripts': ({
    kind,
    unknown,
    known,
    tags,
  }: {
    readonly kind: string;
    readonly unknown: string;
    readonly known: readonly string[];
    readonly tags: readonly string[];
  }) =>
    `There is no ${kind} script with the name or tag ${unknown}; the scripts are: ${known.join(', ') || 'none'}` +
    `${tags.length === 0 ? '' : `; their tags: ${tags.join(', ')}`}.`,

  'rate-limit.power': 'You are querying the power of too many machines at once: wait a little.',
  'power-busy.query': ({ machine }: { readonly machine: string }) =>
    `The power of ${machine} is being switched: try again when that has ended.`,
  'internal-error.power': 'The power could not be queried.',
  'field.stop-mode': 'Give hard or soft.',
  'field.power-json': 'Give a JSON object of at most 32 strings, numbers and booleans.',
  'field.power-texts': 'Give at most 32 printable texts.',
  'field.power-driver-missing': 'give a power_type with the parameters',
  'field.power-driver': ({
    driver,
    names,
    meant,
  }: {
    readonly driver: string;
    readonly names: readonly string[];
    readonly meant: string | undefined;
  }) =>
    `there is no power driver ${driver}; the drivers are ${names.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  'field.power-parameter': problemText,
  /** At the field of the parameter itself. */
  'field.power-parameter-fault': faultText,

  'not-found.rack': ({ rack }: { readonly rack: string }) => `There is no rack ${rack}.`,
  'not-found.rack-of-interfaces': ({ rack }: { readonly rack: string }) =>
    `There is no rack ${rack}: nodegroups/?op=list lists them.`,
  'not-found.interface': ({ name }: { readonly name: string }) => `This rack has no cluster interface ${name}.`,
  'field.interface-added': 'Cluster interface with this name already exists: update it.',
  'field.interface-name': 'Cluster interface with this name already exists.',
  'rack-key.foreign': 'This key belongs to another rack.',
  'not-allowed.rack-key': "Racks register with an administrator's key, or with a key that they generated.",
  'not-allowed.rack-owner': ({ rack, username }: { readonly rack: string; readonly username: string }) =>
    `Rack ${rack} registered with the API key of ${username}, who is no longer an administrator: make ${username} one again, or put an ` +
    "administrator's key in region.api_key_file of the rack and restart it.",
  'field.rack-token': "This field is required unless an administrator's key is used.",
  'field.rack-secret': 'This field is required with a token.',
  'rate-limit.racks': 'Too many unknown racks are registering: wait a little.',
  'rack-length': ({ max }: Max) =>
    `A rack that is not accepted may send at most ${max} characters about its interfaces: ` +
    "update it, because newer racks send less, or let it register with an administrator's key (region.api_key_file).",

  'not-found.tag': 'No tag has this name.',
  'field.tag-name': 'Give at most 64 letters, digits, - and _.',
  'field.tag-definition': ({ at, found }: { readonly at: number; readonly found: string }) =>
    `At character ${at}, ${found === '' ? 'the end' : `'${found}'`}: Rackboot evaluates paths such as //node[@id="memory"]/size, predicates, comparisons, ` +
    'and, or, contains, starts-with, not, count, sum, number, string, true and false; no other part of XPath.',
  'field.no-tag': ({ name, meant }: { readonly name: string; readonly meant: string | undefined }) =>
    `No tag is called '${name}'.${didYouMean(meant)} \`rackboot tags list\` shows all.`,
  'field.tag-exists': 'Tag with this Name already exists.',
  'field.tags-limit': ({ max }: Max) => `There are already ${max} tags, the maximum: delete some.`,
  'field.kernel-params': ({ fault }: { readonly fault: KernelParamsRefusal }) => kernelParamsText(fault),

  'not-found.area': ({ area }: OfArea) => (area === 'zone' ? 'No zone has this name.' : 'No pool has this id or name.'),
  'bad-request.default-area': ({ area }: OfArea) => `The default ${area} cannot be renamed or deleted.`,
  'in-use.pool': ({ name, ...found }: { readonly name: string } & Parameters<typeof inhabitantsText>[0]) =>
    `The pool ${name} has ${inhabitantsText(found)}. Move them to another pool first (pool of machines/<id>/ or devices/<id>/).`,
  'field.area': ({
    kind,
    name,
    meant,
  }: {
    readonly kind: AreaKind;
    readonly name: string;
    readonly meant: string | undefined;
  }) => `No ${kind} is called '${name}'.${didYouMean(meant)}`,
  'field.area-name': 'Give at most 64 letters, digits, - and _, with spaces only inside.',
  'field.area-exists': ({ area }: OfArea) => `A ${area} with this name exists: choose another name.`,
  'field.areas-limit': ({ area, max }: Max & OfArea) => `There are already ${max} ${area}s, the maximum: delete some.`,

  'not-found.file': 'There is no such file.',
  'not-allowed.no-account-files': 'Files belong to accounts: use the API key of an account.',
  'field.file-name': 'Give a name of 1 to 255 printable characters.',
  'field.files-limit': ({ max, mebibytes }: Max & { readonly mebibytes: number }) =>
    `A user may have at most ${max} files, with at most ${mebibytes} MiB in total: delete some.`,

  'not-found.script': 'No script has this name: `rackboot scripts list` shows all.',
  'field.script-kind': 'Give commissioning or testing.',
  'field.script-type': 'Give commissioning (0) or testing (2).',
  'field.script-packages': 'Nothing is installed before a script: it runs with busybox.',
  'field.script-reboot': 'A script may not restart its machine.',
  'field.script-position': 'is not a number from 0 to 999',
  'field.script-timeout': 'Give seconds, or a time such as 01:30:00.',
  'field.script-added': ({ name }: { readonly name: string }) =>
    `The script ${name} exists already: change it (\`rackboot scripts add FILE --replace\`), or choose another name.`,
  'field.script-name-taken': ({ name }: { readonly name: string }) =>
    `The script ${name} exists already: choose another name.`,
  'field.scripts-limit': ({ max }: Max) => `There are already ${max} scripts, the maximum: remove one.`,

  'not-allowed.no-account': 'API keys belong to accounts: create an account with rackboot createadmin.',
  'api-keys-limit': ({ username, max, unused }: Max & { readonly username: string; readonly unused: string }) =>
    `${username} has ${max} API keys, the maximum: delete one with op=delete_authorisation_token, or on the region's host with ` +
    `rackboot apikey --username ${username} --remove ${unused}, the key unused for longest (--list shows all).`,
  'not-found.api-key': 'You have no API key with this token_key.',
  'not-allowed.ssh-keys': 'Only users have SSH keys.',
  'not-allowed.others-keys': "Only an administrator may manage other users' keys.",
  'not-found.user': ({ username, meant }: { readonly username: string; readonly meant: string | undefined }) =>
    `There is no user ${username}.${didYouMean(meant)} \`rackboot users list\` shows all.`,
  'not-found.ssh-key': ({ username }: { readonly username: string | undefined }) =>
    `No SSH key has this id: \`rackboot sshkeys list${username === undefined ? '' : ` --username ${username}`}\` shows all.`,
  'field.keysource': 'Give lp:NAME for Launchpad, or gh:NAME for GitHub.',
  'field.keysource-offline': 'This region does not fetch published keys: add your keys one by one.',
  'field.keysource-nobody': ({ source }: OfKeys) => `${source} does not exist: check the name.`,
  'field.keysource-empty': ({ source }: OfKeys) => `${source} has published no key of a supported type.`,
  'field.keysource-fault': ({ source, fault }: OfKeys & { readonly fault: KeysFault }) =>
    `The keys of ${source} could not be read: ${keysFaultText(fault)}. If the region has no internet access, set http_proxy, or add the keys one by one.`,
  'rate-limit.keysources': 'Other published keys are being fetched: try again in a moment.',
  'field.ssh-key-exists': 'This key has already been added.',
  'field.ssh-keys-limit': ({ max }: Max) => `A user may have at most ${max} keys: remove one.`,
  'not-found.account': 'No account has this name.',
  'rate-limit.hashing': 'Other passwords are being hashed: try again in a moment.',
  'rate-limit.new-passwords': 'You have set too many new passwords: wait a little.',
  'internal-error.password': 'The password could not be stored.',
  'field.username-taken': ({ username }: { readonly username: string }) =>
    `The user ${username} exists already: choose another name, or give it another password (\`rackboot password ${username}\`).`,
  'field.email-taken': ({ email }: { readonly email: string }) =>
    `Another user has the e-mail address ${email}: give another one, or none.`,
  'field.heir': ({ username }: { readonly username: string }) => `There is no other user ${username}.`,
  'field.key-rename': 'Give the key, or its middle part.',
  'not-allowed.own-rights': 'You cannot revoke your own rights: ask another administrator.',
  'not-allowed.own-account': 'You cannot remove your own account: ask another administrator.',
  'not-allowed.last-administrator': ({ username }: { readonly username: string }) =>
    `${username} is the last administrator: create another one first.`,
  'not-allowed.others-password': "Only an administrator may change another user's password.",
  'in-use.reserved': ({ username, count }: { readonly username: string; readonly count: number }) =>
    `${username} has ${counted(count, 'reserved address or range', 'reserved addresses and ranges')}: release them first, or name the user who takes them over (transfer_resources_to).`,
  'machine-in-use.owned': ({ username, machines, devices }: Owned) =>
    `${username} owns ${ownedText(machines, devices)} first, or name the user who takes them over (transfer_resources_to).`,
} as const satisfies RefusalTable;
