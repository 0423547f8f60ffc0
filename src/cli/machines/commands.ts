// The tables of `rackboot machines`, `power`, `scripts`, `sshkeys` and `preseed`.

import { POWER_DRIVER_NAMES } from '../../machines/power-drivers.ts';
import { PURPOSE_NAMES } from '../../region/preseed/request.ts';
import {
  COMMANDS,
  commandAliases,
  commandWord,
  operationName,
  ROW_NAMES,
} from '../../region/records/machine-commands.ts';
import { action, group, row } from '../terminal/command-table.ts';
import { form } from '../terminal/form.ts';
import type { MachineShape } from '../terminal/shapes.ts';
import {
  ANY_NAME,
  comment,
  config,
  flag,
  json,
  numberNamed,
  option,
  repeated,
  requiredArgument,
  text,
  yes,
} from '../terminal/shared-options.ts';
import { aMachine, formatMachineTitle } from './arguments.ts';

const life = () => import('./life.ts');
const logins = () => import('./logins.ts');
const power = () => import('./machine-power.ts');
const scripts = () => import('./scripts.ts');
const sshKeys = () => import('./ssh-keys.ts');
const preseed = () => import('./preseed.ts');

const machine = aMachine();

/**
 * A command that changes the state of a machine. @param effect what the command did, if the state
 * does not change
 */
const stateCommand = (op: string, effect?: string) =>
  ({
    ask: ['POST', `machines/{machine}/?op=${op}`],
    say: async (_: unknown, answer: unknown) => (await life()).stateText(answer, effect),
  }) as const;
/** A command that ends a machine's work and may leave the machine on. */
const endingCommand = (op: string) =>
  ({
    ...stateCommand(op),
    say: async ({ machine: before }: { readonly machine: MachineShape }, answer: unknown) =>
      (await life()).endedText(before, answer),
  }) as const;

const address = option('Its address; default: a free one of the static range');
const DEFAULT_SCRIPTS = 'all but destructive ones and those tagged `noauto`';
const scriptOption = (which: string, otherwise: string) => repeated(`${which} (repeat); default: ${otherwise}`);

const machineOptions = { machine, config, json, comment };

const MACHINES = [
  row(
    'list',
    'List all machines, or those that match',
    {
      config,
      json,
      search: { ...text, alias: 'q', describe: 'With this text in a name, an address, a tag, the serial number …' },
      status: repeated('In this state, such as ready; problem and work each mean several states (repeat)'),
      owner: repeated('Of this user (repeat)'),
      rack: repeated('With this home rack (repeat)'),
      zone: repeated('In this zone (repeat)'),
      pool: repeated('In this pool (repeat)'),
      tags: repeated('With this tag; with all of them, if it is repeated'),
      arch: { ...text, describe: 'Of this architecture, such as amd64' },
    },
    () => import('./list.ts'),
    'listMachines',
  ),
  row(
    'show <machine>',
    'Show one machine, and what identifies it',
    { machine, config, json },
    () => import('./list.ts'),
    'showMachine',
  ),
  form(
    'add <macs..>',
    'Add a machine by its hardware addresses, boot interface first, and commission it; a machine that boots here adds itself',
    {
      macs: { type: 'string', array: true, demandOption: true },
      config,
      json,
      arch: { ...text, default: 'amd64', describe: 'Its architecture, amd64 or arm64' },
      hostname: option('Its name; default: Rackboot chooses one'),
      domain: option('Its domain; default: the default domain'),
      'power-type': option(`The driver that switches it: ${POWER_DRIVER_NAMES.join(', ')}`),
      power: {
        ...text,
        array: true,
        default: [],
        describe: 'A parameter of the driver: name=value, or name@FILE for the first line of a file (repeat)',
      },
      commission: {
        type: 'boolean',
        default: true,
        describe: 'Commission it at once; --no-commission leaves it New until somebody accepts it',
      },
    },
    {
      ask: ['POST', 'machines/'],
      fields: {
        architecture: 'arch',
        mac_addresses: 'macs',
        hostname: 'hostname',
        domain: 'domain',
        power_type: 'power-type',
      },
      more: async (machine) => (await life()).newMachineFields(machine),
      say: async (_, answer) => (await life()).addedText(answer),
    },
  ),
  form(
    'accept <machine>',
    'Accept a New machine: its next start commissions it, then it is Ready',
    {
      ...machineOptions,
      'skip-commissioning': flag('Make it Ready at once, without commissioning'),
    },
    { ...stateCommand('accept'), fields: { skip_commissioning: 'skip-commissioning' } },
  ),
  form(
    'commission <machine>',
    'Commission a machine at its next start: inventory and tests',
    {
      ...machineOptions,
      script: scriptOption('A commissioning script to run, by name or tag, or `none`', DEFAULT_SCRIPTS),
      test: scriptOption('A testing script to run after them, by name or tag', 'none'),
    },
    { ...stateCommand('commission'), fields: { commissioning_scripts: 'script', testing_scripts: 'test' } },
  ),
  form(
    'test <machine>',
    'Test a machine at its next start, then return it to its former state',
    {
      ...machineOptions,
      script: scriptOption('A testing script to run, by name or tag, or `none`', DEFAULT_SCRIPTS),
    },
    { ...stateCommand('test'), fields: { testing_scripts: 'script' } },
  ),
  form(
    'allocate [machine]',
    'Allocate a Ready machine: this one, or the first that meets the conditions',
    {
      machine: { ...machine, demandOption: false },
      config,
      json,
      comment,
      address,
      arch: option('amd64, or amd64/generic'),
      cpus: { ...numberNamed('--cpus', 'processors'), requiresArg: true, describe: 'Minimum number of processors' },
      memory: { ...numberNamed('--memory', 'MiB'), requiresArg: true, describe: 'Minimum memory, in MiB' },
      tag: { type: 'string', array: true, describe: 'A required tag (repeat)' },
    },
    {
      ...stateCommand('allocate'),
      ask: ['POST', 'machines/?op=allocate'],
      fields: {
        system_id: 'machine',
        arch: 'arch',
        cpu_count: 'cpus',
        mem: 'memory',
        tags: 'tag',
        ip_address: 'address',
      },
    },
  ),
  form(
    'deploy <machine> <system>',
    'Deploy a system to the disk of a machine: debian/trixie, or trixie',
    {
      machine,
      system: requiredArgument('As images list shows it'),
      config,
      json,
      comment,
      address,
      by: {
        choices: ['image', 'installer'],
        default: 'image',
        describe: "Write an image, or run the distribution's own installer with a preseed",
      },
      disk: option('The disk to write, such as sda; default: the smallest that fits the image, USB last'),
      kernel: option("The kernel of an imported system, such as hwe-24.04; default: the release's own"),
      'user-data': option('A file for cloud-init to run at the first start'),
    },
    {
      ...stateCommand('deploy'),
      fields: {
        distro_series: 'system',
        deploy_by: 'by',
        disk: 'disk',
        hwe_kernel: 'kernel',
        ip_address: 'address',
        user_data: 'user-data',
      },
      more: async ({ userData }) => ({ user_data: userData && (await life()).encodedFile(userData) }),
    },
  ),
  form(
    'release <machine>',
    'Release a machine, its address and its name in DNS',
    {
      ...machineOptions,
      erase: { choices: ['signatures', 'all'], describe: 'Erase its disks first' },
    },
    {
      ...endingCommand('release'),
      fields: { erase: 'erase' },
      more: ({ erase }) => ({
        erase: erase && 'true',
        quick_erase: erase === 'signatures' ? 'true' : undefined,
      }),
    },
  ),
  row(
    'rescue <machine>',
    "Boot a machine into a rescue system, to log in with its owner's keys",
    {
      ...machineOptions,
      wait: flag('Wait until login is possible, and show the host key'),
    },
    logins,
    'rescueMachine',
  ),
  form(
    'debug-login <machine>',
    'Allow SSH login while a machine is commissioned, deployed or erased, and keep it on if that fails',
    {
      ...machineOptions,
      for: option('How long, at most 24h; default: 1h'),
      off: flag('End the debug login now'),
    },
    {
      ask: ['POST', 'machines/{machine}/?op=debug_login'],
      fields: { off: 'off', seconds: 'for' },
      more: async ({ for: time }) => ({ seconds: time && (await logins()).parseSeconds(time) }),
      say: async ({ machine: { fqdn }, off }, answer) =>
        off ? `The debug login of ${fqdn} has ended.` : (await logins()).loginsText(answer),
    },
  ),
  form(
    'logins <machine>',
    'Show how to log in to a machine in rescue mode or with a debug login, and its host key',
    { machine, config, json },
    {
      ask: ['GET', 'machines/{machine}/?op=logins'],
      say: async ({ machine: { fqdn } }, answer) =>
        (await logins()).loginsText(answer) || `${fqdn} is not in rescue mode and has no debug login.`,
    },
  ),
  // Those that take only a machine.
  ...ROW_NAMES.flatMap((name) => {
    const { cli, doc } = COMMANDS[name];
    if (cli === undefined) return [];
    const op = operationName(name);
    const words = [`${commandWord(name)} <machine>`, ...commandAliases(name)];
    return form(
      words,
      cli.about ?? doc.replace(/\..*/s, ''),
      machineOptions,
      cli.isEnding ? endingCommand(op) : stateCommand(op, cli.done),
    );
  }),
  form(
    'rename <machine> <name>',
    'Give a machine another hostname; DNS replaces the old one at once',
    { machine, name: requiredArgument('Letters, digits and hyphens'), config, json },
    { ...stateCommand(''), ask: ['PUT', 'machines/{machine}/'], fields: { hostname: 'name' } },
  ),
  form(
    'remove <machine>',
    'Forget a machine; if it boots again, it enlists as a new one',
    {
      machine,
      config,
      json,
      yes,
      force: flag('Even if the machine has an owner or is locked'),
    },
    {
      ask: ['DELETE', 'machines/{machine}/'],
      more: ({ force }) => ({ force: String(force) }),
      confirm: ({ machine: gone }) => `Forget ${formatMachineTitle(gone)}, with its log and results?`,
      say: ({ machine: gone }) => `${formatMachineTitle(gone)} is removed.`,
    },
  ),
  form(
    'merge <keep> <other>',
    'Merge two records of one machine: the first takes over interfaces and events, the other is removed',
    {
      keep: aMachine(`The machine that stays. ${ANY_NAME}`),
      other: aMachine('The machine to remove; it must not be in use'),
      config,
      json,
    },
    {
      ask: ['POST', 'machines/{keep}/?op=merge'],
      fields: { other: 'other' },
      say: ({ keep, other }) => `${formatMachineTitle(other)} is now part of ${formatMachineTitle(keep)}.`,
    },
  ),
  form(
    'split <machine>',
    'Move interfaces of a machine to a separate New machine',
    {
      machine,
      config,
      json,
      mac: { type: 'string', array: true, demandOption: true, describe: 'A hardware address to split off (repeat)' },
    },
    {
      ask: ['POST', 'machines/{machine}/?op=split'],
      fields: { mac_addresses: 'mac' },
      say: async (_, answer) => (await life()).splitText(answer),
    },
  ),
  form(
    'keep-apart <machine> <other>',
    'Record that two machines are not the same, so that Rackboot never asks again',
    { machine, other: aMachine('The other machine'), config, json },
    {
      ask: ['POST', 'machines/{machine}/?op=keep_apart'],
      fields: { other: 'other' },
      say: ({ machine: first, other }) =>
        `${first.fqdn} and ${other.fqdn} stay two machines, even if they look the same.`,
    },
  ),
  form(
    'move <machine> <rack>',
    'Record that a machine was moved to another network, of the same rack or another',
    {
      machine,
      rack: requiredArgument("The rack's name or UUID"),
      config,
      json,
      network: option('The network of that rack, by name or as 10.20.0.0/24'),
    },
    {
      ask: ['POST', 'machines/{machine}/?op=move'],
      fields: { rack: 'rack', network: 'network' },
      say: ({ machine: { fqdn }, rack, network }) => {
        const networkText = network === undefined ? '' : `, network ${network}`;
        return `The home of ${fqdn} is now rack ${rack}${networkText}. Boot it there from the network.`;
      },
    },
  ),
];

const wait = flag('Wait until the power has changed, and print the result');

const POWER = [
  ...(
    [
      ['on', 'power_on', 'Switch a machine on'],
      ['cycle', 'power_cycle', 'Switch a machine off and on again'],
    ] as const
  ).map(([name, op, about]) =>
    action(`${name} <machine>`, about, { ...machineOptions, wait }, async (argv) =>
      (await power()).switchMachine(argv, op, {}),
    ),
  ),
  action(
    'off <machine>',
    'Switch a machine off, or ask its system to shut down',
    {
      ...machineOptions,
      wait,
      soft: flag('Ask its system to shut down instead of cutting the power'),
    },
    async (argv) => (await power()).switchMachine(argv, 'power_off', { stop_mode: argv.soft ? 'soft' : 'hard' }),
  ),
  row(
    'status [machine]',
    'Query the power of a machine, or show the last known power of all',
    { machine: { type: 'string', describe: ANY_NAME }, config, json },
    power,
    'showPower',
  ),
  form(
    'set <machine> <type> [parameters..]',
    'Set how a machine is switched: ipmi power_address=10.0.0.5 power_user=maas power_pass@FILE',
    {
      machine,
      type: requiredArgument(`${POWER_DRIVER_NAMES.slice(0, -1).join(', ')} or ${POWER_DRIVER_NAMES.at(-1)}`),
      parameters: {
        type: 'string',
        array: true,
        describe: 'name=value, or name@FILE for the first line of a file',
      },
      config,
      json,
      'skip-check': flag('Store the parameters even if the driver would refuse them'),
    },
    {
      ask: ['PUT', 'machines/{machine}/'],
      fields: { power_type: 'type', power_parameters_skip_check: 'skip-check' },
      more: async ({ parameters }) => ({ power_parameters: (await power()).encodedParameters(parameters) }),
      say: async ({ config: file }, answer) => (await power()).setText(file, answer),
    },
  ),
  row(
    'check <what>',
    "Query a hypervisor for its virtual machines (qemu+ssh://user@host/system), or a machine's BMC for its state",
    { what: requiredArgument("A libvirt URI, or a machine's system id, hostname or hardware address"), config, json },
    () => import('./power.ts'),
    'checkPower',
  ),
  row(
    'key',
    "Print Rackboot's public SSH key, for the authorized_keys of hypervisors",
    { config },
    () => import('./power.ts'),
    'printPowerKey',
  ),
];

const script = requiredArgument('Its name');

const SCRIPTS = [
  row(
    'add <file>',
    'Add a script; its comments may set name, title, type, timeout and tags',
    {
      file: requiredArgument('The script'),
      config,
      json,
      name: option('Its name; default: the name in the script, else the name of the file'),
      kind: { choices: ['commissioning', 'testing'], describe: 'When it runs; default: commissioning' },
      title: option('Name shown to people'),
      timeout: option('How long it may take: 90s, 10m, 2h; default: 10m'),
      position: {
        ...numberNamed('--position'),
        requiresArg: true,
        describe: 'Order, 0 to 999, lowest first; default: 50',
      },
      tag: repeated('A word that chooses it (repeat)'),
      replace: flag('Replace the script of this name'),
    },
    scripts,
    'addScript',
  ),
  form(
    'list',
    'List scripts, in the order in which they run',
    { config, json },
    { ask: ['GET', 'scripts/'], say: async (_, answer) => (await scripts()).scriptsText(answer) },
  ),
  row('show <script>', 'Print the text of a script', { script, config }, scripts, 'showScript'),
  form(
    'remove <name>',
    'Remove a script; its results stay',
    { name: script, config, json },
    {
      ask: ['DELETE', 'scripts/{name}/'],
      say: ({ name }) => `The script ${name} is removed.`,
    },
  ),
  row(
    'results <machine> [script]',
    'Show the results of the newest run on a machine, or the output of one script',
    {
      machine,
      script: { type: 'string', describe: 'Show the output of this script: its last 64 KiB' },
      config,
      json,
      all: flag('Show all kept runs, newest first'),
      follow: {
        type: 'boolean',
        alias: 'f',
        default: false,
        describe: 'Keep printing until the machine has finished',
      },
    },
    () => import('./script-results.ts'),
    'showResults',
  ),
];

const username = option('Owner of the keys; default: the local administrator');

const SSH_KEYS = [
  form(
    ['list', '$0'],
    'List keys',
    { config, json, username },
    {
      ask: ['GET', 'account/prefs/sshkeys/'],
      fields: { username: 'username' },
      say: async ({ username: owner }, answer) => (await sshKeys()).keysText(owner, answer),
    },
  ),
  row(
    'add <file>',
    'Add the public keys of a file, one per line',
    { file: requiredArgument('Such as ~/.ssh/id_ed25519.pub'), config, json, username },
    sshKeys,
    'addSshKeys',
  ),
  form(
    'remove <id>',
    'Remove a key',
    {
      id: { ...numberNamed('ID'), demandOption: true, describe: 'As sshkeys list shows it' },
      config,
      json,
      username,
    },
    {
      ask: ['DELETE', 'account/prefs/sshkeys/{id}/'],
      fields: { username: 'username' },
      say: () => 'The key is removed.',
    },
  ),
];

const PRESEED = [
  row(['list', '$0'], 'List the templates, yours and the shipped ones', { config, json }, preseed, 'listPreseeds'),
  row(
    'show <name>',
    'Print a template, as a starting point for your own',
    { name: requiredArgument('As listed'), config },
    preseed,
    'showPreseed',
  ),
  row(
    'render <machine>',
    "Render a machine's preseed without its keys; change nothing",
    {
      machine,
      config,
      json,
      purpose: { choices: PURPOSE_NAMES, default: 'install', describe: 'The purpose of the file' },
      os: option("Instead of the machine's own: debian, ubuntu"),
      release: option("Instead of the machine's own: bookworm"),
      file: option('A template to try instead of the usual one'),
      set: { type: 'string', array: true, default: [], describe: 'name=value: set a value (repeat)' },
      names: flag('Only list the template names tried, in order'),
    },
    preseed,
    'renderForMachine',
  ),
];

export const MACHINE_COMMANDS = group(
  'machines',
  'The machines of the region',
  MACHINES,
  'name what to do: list, show, accept, deploy, release …',
);
export const SCRIPT_COMMANDS = group(
  'scripts',
  'Scripts that commission and test machines, and their results',
  SCRIPTS,
  'name what to do: add, list, show, remove or results',
);
export const POWER_COMMANDS = group(
  'power',
  'Switch machines on and off',
  POWER,
  'name what to do: status, on, off, cycle, set, check or key',
);
export const SSH_KEY_COMMANDS = group('sshkeys', 'SSH keys with which people log in to machines they deploy', SSH_KEYS);
export const PRESEED_COMMANDS = group('preseed', 'Templates for installers, and the files rendered from them', PRESEED);
