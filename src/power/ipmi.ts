// IPMI over LAN (IPMI v2.0 rev. 1.1 §13, §28) by ipmitool.
//
// 1. The BMC's password and key are passed in ipmitool's environment, never as arguments.
// 2. A request without an answer in an open session may have been carried out: its outcome is `unknown`, not `unreachable`.
// 3. ipmitool repeats a request without an answer. On and off are idempotent; a power cycle is not, so it is never sent.

import { z } from 'zod';
import { type Connecting, defineDriver, type OffManner, type PowerPort } from './driver.ts';
import { cleanWords, outcome, type PowerOutcome } from './outcome.ts';
import { secret } from './parameters.ts';
import { type ProgramEnd, runProgram } from './program.ts';
import { missingText } from './programs.ts';

/** How long ipmitool waits for the first answer, longer after each try, and its tries: 12 s in all for an absent BMC. */
const ANSWER_SECONDS = 1;
const TRIES = 3;
/** The longest run in milliseconds: a session takes several requests. */
const RUN_MS_MAX = 30_000;
const DEFAULT_PORT = 623;

const printable = (charactersMax: number) => z.string().regex(new RegExp(`^[\\x20-\\x7e]{1,${charactersMax}}$`));
const ADDRESS =
  /^(?:\[[0-9a-fA-F:.]{2,45}\](?::\d{1,5})?|[0-9a-fA-F:.]{2,45}|[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}(?::\d{1,5})?)$/;

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;

const schema = z.strictObject({
  power_address: z
    .string()
    .regex(ADDRESS, { abort: true })
    .refine((address) => isPort(splitAddress(address).port)),
  // IPMI v2.0 §22.28: 16 bytes; §22.30: 20.
  power_user: printable(16).optional(),
  power_pass: secret(printable(20).optional()),
  power_driver: z.enum(['LAN_2_0', 'LAN']).default('LAN_2_0'),
  power_boot_type: z.enum(['auto', 'legacy', 'efi']).default('auto'),
  power_off_mode: z.enum(['soft', 'hard']).default('soft'),
  cipher_suite_id: z.enum(['0', '1', '2', '3', '6', '7', '8', '11', '12', '15', '16', '17']).default('3'),
  privilege_level: z.enum(['USER', 'OPERATOR', 'ADMIN']).default('OPERATOR'),
  // ipmitool accepts other keys only as an argument, which every user can see.
  k_g: secret(
    z
      .string()
      .regex(/^[\x21-\x7e]{1,20}$/)
      .optional(),
  ),
  mac_address: z
    .string()
    .regex(/^[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}$/)
    .optional(),
  // For FreeIPMI; ipmitool does not need them.
  workaround_flags: z
    .string()
    .regex(/^[a-z0-9, ]{0,200}$/)
    .optional(),
});

type Settings = z.infer<typeof schema>;
export type IpmiParameter = keyof Settings;

/** The driver `ipmi`. */
export const ipmi = defineDriver({ name: 'ipmi', byHand: false, parameters: schema, connect: openPort });

function openPort({ settings, secrets, surroundings: { clock } }: Connecting<typeof schema>): PowerPort {
  const { args, environment } = ipmitoolCall(settings);
  const ask = async (command: readonly string[], changes: boolean, signal: AbortSignal): Promise<PowerOutcome> => {
    const run = { clock, signal, timeMs: RUN_MS_MAX, environment };
    return judgeIpmitool(await runProgram('ipmitool', [...args, ...command], run), changes, secrets);
  };
  const { host, port } = splitAddress(settings.power_address);
  const bootType = settings.power_boot_type === 'efi' ? ['options=efiboot'] : [];
  return {
    controller: `ipmi ${host.toLowerCase()}:${port}`,
    on: (signal) => ask(['chassis', 'power', 'on'], true, signal),
    off: (manner, signal) => ask(['chassis', 'power', offWord(manner, settings)], true, signal),
    query: (signal) => ask(['chassis', 'power', 'status'], false, signal),
    // For the next start only (IPMI v2.0 §28.12); later starts keep the machine's own boot order.
    netboot: (signal) => ask(['chassis', 'bootdev', 'pxe', ...bootType], true, signal),
  };
}

const offWord = (manner: OffManner, settings: Settings): string =>
  manner === 'hard' || settings.power_off_mode === 'hard' ? 'off' : 'soft';

/** Splits a `power_address` into host and port. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(address);
  const named = /^([^:]+)(?::(\d+))?$/.exec(address);
  const [, host = address, port] = bracketed ?? named ?? [];
  return { host, port: port === undefined ? DEFAULT_PORT : Number(port) };
}

/** ipmitool's arguments for a BMC, which every user can see, and its environment, which only its owner can. */
export function ipmitoolCall(settings: Settings): {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
} {
  const { host, port } = splitAddress(settings.power_address);
  const isNew = settings.power_driver === 'LAN_2_0';
  const level = settings.privilege_level === 'ADMIN' ? 'ADMINISTRATOR' : settings.privilege_level;
  const args = [
    // One -v: without it ipmitool reports a wrong password and an absent BMC in the same words.
    ...['-v', '-I', isNew ? 'lanplus' : 'lan', '-H', host, '-p', String(port), '-U', settings.power_user ?? ''],
    ...['-E', '-L', level, '-N', String(ANSWER_SECONDS), '-R', String(TRIES)],
    ...(isNew ? ['-C', settings.cipher_suite_id] : []),
    ...(isNew && settings.k_g !== undefined ? ['-K'] : []),
  ];
  const environment = {
    IPMI_PASSWORD: settings.power_pass ?? '',
    ...(isNew && settings.k_g !== undefined ? { IPMI_KGKEY: settings.k_g } : {}),
  };
  return { args, environment };
}

/** Verbose messages that appear even if nothing is wrong. */
const NOISE = [
  /^Loading IANA PEN Registry/,
  /^Running Get (VSO|PICMG)/,
  /^Discovered IPMB address/,
  /^Get HPM\.x Capabilities request failed/,
  /^Invalid completion code received/,
  /^No valid response received/,
  /^Get Device ID command failed/,
  /^Close Session command failed/,
];

/** The meanings of its error messages; the first match counts. `lost`: the request may have been carried out. */
const COMPLAINTS: readonly (readonly [RegExp, PowerOutcome['kind'] | 'lost', string])[] = [
  [/^Unable to (set Chassis Power|get Chassis Power)|^Error (setting|getting) Chassis Boot/m, 'lost', ''],
  [/RAKP 2 HMAC is invalid/, 'wrong-credentials', 'the password is wrong'],
  [/unauthorized name|Invalid user name/i, 'wrong-credentials', 'the BMC has no such user'],
  [
    /unauthorized GUID|integrity check value|RAKP [34].*(?:invalid|error)/i,
    'wrong-credentials',
    'password or key is wrong',
  ],
  [/Activate Session (?:command failed|error)/, 'wrong-credentials', 'the password is wrong'],
  [/[Ii]nvalid role|unauthorized role/, 'wrong-credentials', 'the user may not have that privilege level'],
  [
    /invalid (?:authentication|integrity|confidentiality) algorithm|no matching cipher suite|Authentication type .* not supported/i,
    'refused',
    'the BMC does not know this cipher suite or protocol; try another cipher_suite_id (17) or power_driver',
  ],
  [/insufficient resources|no session slot/i, 'refused', 'all sessions of the BMC are taken'],
  [/Address lookup for /, 'unreachable', 'its name is unknown'],
  [/Insufficient privilege level/i, 'refused', 'the user may not switch power'],
  [
    /Get Auth Capabilities|Get Channel Authentication|Could not open socket|no response from/i,
    'unreachable',
    'no answer',
  ],
  [/Set Session Privilege Level/, 'unreachable', 'the BMC stopped answering'],
  [/Unable to establish/, 'unreachable', 'no session could be opened'],
  // Within a session: a completion code (IPMI v2.0 §5.2) in ipmitool's words, such as `Node busy`.
  [/ failed: /, 'refused', ''],
];

/** The searched beginning of ipmitool's output, in characters. */
const COMPLAINT_CHARACTERS_MAX = 4096;

/** The outcome of a run of ipmitool. @param changes false for a query */
export function judgeIpmitool(end: ProgramEnd, changes: boolean, secrets: readonly string[]): PowerOutcome {
  if (end.kind === 'missing') return outcome('refused', missingText('ipmitool'));
  if (end.kind === 'not-started')
    return outcome('refused', `ipmitool was not started: ${cleanWords(end.text, secrets)}`);
  const said = `${end.err}\n${end.out}`.split('\n').filter((line) => !NOISE.some((noise) => noise.test(line)));
  const words = cleanWords(said.join('\n'), secrets);
  if (end.kind === 'killed') {
    const text = `ipmitool did not end in time${words === '' ? '' : `: ${words}`}`;
    return outcome(changes ? 'unknown' : 'unreachable', text);
  }
  if (end.code === 0) {
    const state = /^Chassis Power is (on|off)\s*$/m.exec(end.out)?.[1];
    if (!changes && state === undefined) return outcome('unknown', `no power state in: ${words || 'nothing'}`);
    return outcome('done', words || 'done', state === 'on' || state === 'off' ? state : 'unknown');
  }
  // The time of these expressions grows with the square of a line's length; ipmitool prints its errors first.
  const text = said.join('\n').slice(0, COMPLAINT_CHARACTERS_MAX);
  const [, kind, meaning] = COMPLAINTS.find(([pattern]) => pattern.test(text)) ?? [undefined, 'lost' as const, ''];
  const report = words || `ipmitool ended with ${end.code}`;
  const shown = meaning === '' ? report : cleanWords(`${meaning} (${report})`, secrets);
  if (kind === 'lost') return outcome(changes ? 'unknown' : 'unreachable', shown);
  return outcome(kind, shown);
}
