// Further sources of the table in hostile-sources.ts: servers and programs of others that the rack asks.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WITHOUT_WARNING } from '../../bin/daemon-flags.js';
import { eventually } from '../support/running-rack.ts';
import { CLIENT_MAC, command, HOSTILE, OTHER, type Source, type Strangers, say } from './hostile-sources.ts';

const REGION_PORT = 8098;

/** Where programs lie that stand for ipmitool and virsh. */
const programsOf = ({ rack }: Strangers): string => join(rack.directory, 'programs');

/** Words before the daemon's command, by which it finds those programs. */
export const withPrograms = (strangers: Strangers): readonly string[] => [
  'env',
  `PATH=${programsOf(strangers)}:${process.env.PATH ?? ''}`,
];

/** A program that says a text, on the stream that is given, and ends with a code. */
function addProgram(strangers: Strangers, name: string, script: string): void {
  const directory = programsOf(strangers);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${name}.text`), HOSTILE);
  writeFileSync(join(directory, name), `#!/bin/sh\ntext=$(cat '${directory}/${name}.text')\n${script}\n`, {
    mode: 0o755,
  });
}

/** Starts another server of hostile-server.ts. @param at its address and port */
async function launchServer(
  { rack, other }: Strangers,
  what: string,
  at: readonly [string, number],
  file = '',
): Promise<void> {
  const program = new URL('./hostile-server.ts', import.meta.url).pathname;
  const words = [WITHOUT_WARNING, program, what, ...at.map(String), HOSTILE, file];
  const server = rack.launch(other, process.execPath, ...words);
  await eventually(`the ${what} listens`, () => server.text().includes('listening'));
}

async function switchByPrograms(strangers: Strangers): Promise<void> {
  const bmc = ['power_address=10.77.19.66', 'power_user=me', 'power_pass=secret'];
  await command(strangers, 'power', 'set', CLIENT_MAC, 'ipmi', ...bmc);
  await say(strangers, 'power', 'status', CLIENT_MAC);
  await command(strangers, 'power', 'set', CLIENT_MAC, 'virsh', 'power_address=test:///default', 'power_id=guest');
  await say(strangers, 'power', 'status', CLIENT_MAC);
  // A check is made by the command itself.
  const { rack, said } = strangers;
  const checked = await rack.run(
    undefined,
    ...withPrograms(strangers),
    ...rack.words('power', 'check', 'test:///default'),
  );
  said.push(checked.out + checked.err);
}

/** Commands that show what a rack knows of its region. */
const OF_LINK = ['status', 'status --json', 'doctor', 'outbox', 'outbox --dead'];
const FAR_MACHINE = '52:54:00:77:19:e1';

/** A separate rack with a hostile region: the answers in each mood of that region, and the text that the rack then shows. */
async function followRegion(strangers: Strangers): Promise<void> {
  const { rack, other, said } = strangers;
  const directory = join(rack.directory, 'far');
  const [mood, config] = [join(directory, 'mood'), join(directory, 'rackboot.yaml')];
  mkdirSync(directory);
  writeFileSync(mood, 'pending\n');
  await launchServer(strangers, 'region', ['127.0.0.1', REGION_PORT], mood);
  const words = (...args: readonly string[]): readonly string[] => [...rack.words(...args).slice(0, -1), config];
  for (const [name, shows] of [
    ['pending', 'region-pending'],
    ['refusing', 'region-refusal'],
    ['redirecting', 'region-place'],
    ['failing', 'region-failure'],
    ['nonsense', 'region-purpose'],
    ['obliging', 'region-host'],
  ] as const) {
    writeFileSync(mood, `${name}\n`);
    const state = join(directory, name);
    const region = `region: { mode: remote, url: "http://127.0.0.1:${REGION_PORT}/MAAS" }`;
    writeFileSync(
      config,
      `name: far\nstate_dir: ${state}\ncluster_interfaces: []\ndns: { listen: [] }\n${region}\nlog: { level: debug }\n`,
    );
    const daemon = rack.launch(other, ...words('run'));
    const ask = async (line: string): Promise<string> => {
      const { out, err } = await rack.run(other, ...words(...line.split(' ')));
      said.push(out + err);
      return out + err;
    };
    // Each command is a process: it is not asked before there is somebody to answer.
    const socket = join(state, 'rackboot.sock');
    await eventually(shows, async () => {
      const isShown = daemon.text().includes(shows);
      return isShown || (existsSync(socket) && (await ask('status')).includes(shows));
    });
    if (name === 'obliging') {
      await eventually('a refused entry', async () => (await ask('outbox --dead')).includes('region-reason'));
    }
    const lines =
      name === 'obliging' ? [...OF_LINK, `why ${FAR_MACHINE}`, `trace ${FAR_MACHINE}`] : ['status', 'doctor'];
    for (const line of lines) await ask(line);
    await daemon.end();
    said.push(daemon.text());
  }
}

/** The sources of this file. */
export const FURTHER_SOURCES: readonly Source[] = [
  {
    name: 'the answers of an upstream DNS server',
    // The text of an extended error (RFC 8914) is shown nowhere, though the capture has it.
    shows: [/upstream-name\\+027/, /upstream-text\\+(?:027|x1b)/],
    begin: (strangers) => launchServer(strangers, 'upstream', [OTHER, 53]),
    speak: async ({ rack, client }) => {
      for (const asked of [['alias.outside.example'], ['text.outside.example', 'txt'], ['fails.outside.example']]) {
        await rack.run(client, 'dig', '+tries=1', '+time=3', '@10.77.19.1', ...asked);
      }
    },
  },
  {
    name: 'a BMC and a hypervisor, as ipmitool and virsh report them',
    shows: ['bmc-words', 'virsh-words', 'virsh-guest'],
    begin: async (strangers) => {
      addProgram(strangers, 'ipmitool', 'printf "Error: bmc-words%s\\n" "$text" >&2; exit 1');
      addProgram(
        strangers,
        'virsh',
        'case "$*" in *list*) printf " 1   virsh-guest%s   running\\n" "$text" ;; *) printf "error: virsh-words%s\\n" "$text" >&2; exit 1 ;; esac',
      );
    },
    speak: switchByPrograms,
  },
  {
    name: 'a region, as a remote rack hears it',
    shows: [
      'region-pending',
      'region-refusal',
      'region-failure',
      'region-purpose',
      'region-version',
      'region-reason',
      'region-host',
      'region-status',
      /region-place%1B/,
    ],
    speak: followRegion,
  },
];
