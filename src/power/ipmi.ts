// IPMI over LAN (IPMI v2.0 rev. 1.1 §13, §28) by ipmitool.
//
// 1. The BMC's password and key are passed in ipmitool's environment, never as arguments.
// 2. A request without an answer in an open session may have been carried out: its outcome is `unknown`, not `unreachable`.
// 3. ipmitool repeats a request without an answer. On and off are idempotent; a power cycle is not, so it is never sent.

import { z } from 'zod';
import { IPMI_FIELDS } from '../machines/ipmi-fields.ts';
import type { Complaint } from './detail.ts';
import { type Connecting, defineDriver, type OffManner, type PowerPort, STEP_MS_MAX } from './driver.ts';
import { cleanWords, failedProgram, notStarted, outcome, type PowerOutcome } from './outcome.ts';
import { secret } from './parameters.ts';
import { type ProgramEnd, runProgram } from './program.ts';
import { missingProgram } from './programs.ts';

/** How long ipmitool waits for the first answer, longer after each try, and its tries: 12 s in all for an absent BMC. */
const ANSWER_SECONDS = 1;
const TRIES = 3;
const DEFAULT_PORT = 623;

const ADDRESS =
  /^(?:\[[0-9a-fA-F:.]{2,45}\](?::\d{1,5})?|[0-9a-fA-F:.]{2,45}|[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}(?::\d{1,5})?)$/;

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;

const schema = z.strictObject({
  power_address: z
    .string()
    .regex(ADDRESS, { abort: true })
    .refine((address) => isPort(splitAddress(address).port)),
  power_user: IPMI_FIELDS.power_user.optional(),
  power_pass: secret(IPMI_FIELDS.power_pass.optional()),
  power_driver: IPMI_FIELDS.power_driver.default('LAN_2_0'),
  power_boot_type: IPMI_FIELDS.power_boot_type.default('auto'),
  power_off_mode: z.enum(['soft', 'hard']).default('soft'),
  cipher_suite_id: IPMI_FIELDS.cipher_suite_id.default('3'),
  privilege_level: IPMI_FIELDS.privilege_level.default('OPERATOR'),
  k_g: secret(IPMI_FIELDS.k_g.optional()),
  mac_address: IPMI_FIELDS.mac_address.optional(),
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
    const run = { clock, signal, timeMs: STEP_MS_MAX, environment };
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

/**
 * ipmitool's errors; the first match counts. `lost`: the request may have been carried out. Without a meaning, only its words are shown.
 */
const COMPLAINTS: readonly (readonly [RegExp, PowerOutcome['kind'] | 'lost', Complaint?])[] = [
  [/^Unable to (set Chassis Power|get Chassis Power)|^Error (setting|getting) Chassis Boot/m, 'lost'],
  [/RAKP 2 HMAC is invalid/, 'wrong-credentials', 'wrong-password'],
  [/unauthorized name|Invalid user name/i, 'wrong-credentials', 'no-such-user'],
  [
    /unauthorized GUID|integrity check value|RAKP [34].*(?:invalid|error)/i,
    'wrong-credentials',
    'wrong-password-or-key',
  ],
  [/Activate Session (?:command failed|error)/, 'wrong-credentials', 'wrong-password'],
  [/[Ii]nvalid role|unauthorized role/, 'wrong-credentials', 'wrong-privilege-level'],
  [
    /invalid (?:authentication|integrity|confidentiality) algorithm|no matching cipher suite|Authentication type .* not supported/i,
    'refused',
    'unknown-cipher-suite',
  ],
  [/insufficient resources|no session slot/i, 'refused', 'sessions-taken'],
  [/Address lookup for /, 'unreachable', 'unknown-name'],
  [/Insufficient privilege level/i, 'refused', 'may-not-switch'],
  [
    /Get Auth Capabilities|Get Channel Authentication|Could not open socket|no response from/i,
    'unreachable',
    'no-answer',
  ],
  [/Set Session Privilege Level/, 'unreachable', 'stopped-answering'],
  [/Unable to establish/, 'unreachable', 'no-session'],
  // Within a session: a completion code (IPMI v2.0 §5.2) in ipmitool's words, such as `Node busy`.
  [/ failed: /, 'refused'],
];

/** The searched beginning of ipmitool's output, in characters. */
const COMPLAINT_CHARACTERS_MAX = 4096;

/** The outcome of a run of ipmitool. @param changes false for a query */
export function judgeIpmitool(end: ProgramEnd, changes: boolean, secrets: readonly string[]): PowerOutcome {
  const program = 'ipmitool';
  if (end.kind === 'missing') return outcome('refused', missingProgram(end.program));
  if (end.kind === 'not-started') return outcome('refused', notStarted(program, end.said, secrets));
  const lines = `${end.err}\n${end.out}`.split('\n').filter((line) => !NOISE.some((noise) => noise.test(line)));
  const said = cleanWords(lines.join('\n'), secrets);
  const lost = changes ? 'unknown' : 'unreachable';
  if (end.kind === 'killed') return outcome(lost, { code: 'program-late', params: { program, said } });
  if (end.code === 0) {
    const state = /^Chassis Power is (on|off)\s*$/m.exec(end.out)?.[1];
    if (!changes && state === undefined) return outcome('unknown', { code: 'no-state', params: { said } });
    return outcome(
      'done',
      { code: 'acknowledged', params: { said } },
      state === 'on' || state === 'off' ? state : 'unknown',
    );
  }
  // The time of these expressions grows with the square of a line's length; ipmitool prints its errors first.
  const text = lines.join('\n').slice(0, COMPLAINT_CHARACTERS_MAX);
  const [, kind, meaning] = COMPLAINTS.find(([pattern]) => pattern.test(text)) ?? [undefined, 'lost' as const];
  return outcome(kind === 'lost' ? lost : kind, failedProgram(program, end.code, said, meaning));
}
