// IPMI over LAN (IPMI v2.0 rev. 1.1 §13, §28) by ipmitool.
//
// 1. The BMC's password and key are in ipmitool's environment, never in its arguments.
// 2. A request without an answer in an open session has the outcome `unknown`, because it may have
//    been carried out.
// 3. ipmitool repeats a request without an answer. A power cycle is not idempotent, so it is never sent.
// 4. If the settings name no cipher suite, a BMC that opens no session with the usual suite is
//    asked again with the newer one. Nothing was carried out by then. ipmitool 1.8.19 could find
//    the suite itself, but takes 6 s if a BMC does not list its suites. Earlier versions use suite
//    3.

import { z } from 'zod';
import { IPMI_FIELDS } from '../machines/ipmi-fields.ts';
import type { Complaint } from './detail.ts';
import { type ConnectOptions, defineDriver, type OffManner, type PowerPort, STEP_MS_MAX } from './driver.ts';
import {
  cleanWords,
  endedByItself,
  judgeEnd,
  outcome,
  type PowerOutcome,
  programFailure,
  programOutput,
} from './outcome.ts';
import { secret } from './parameters.ts';
import { type ProgramEnd, runProgram } from './program.ts';

/** How long ipmitool waits for the first answer, and its tries: 12 s in all for an absent BMC. */
const ANSWER_SECONDS = 1;
const TRIES = 3;
const DEFAULT_PORT = 623;

/**
 * The suites of HMAC-SHA1, which most BMCs know, and of HMAC-SHA256, the only one of newer BMCs
 * (IPMI v2.0 table 22-20).
 */
const [USUAL_SUITE, NEWER_SUITE] = ['3', '17'] as const;

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
  cipher_suite_id: IPMI_FIELDS.cipher_suite_id.optional(),
  privilege_level: IPMI_FIELDS.privilege_level.default('OPERATOR'),
  k_g: secret(IPMI_FIELDS.k_g.optional()),
  mac_address: IPMI_FIELDS.mac_address.optional(),
  // Only FreeIPMI needs them.
  workaround_flags: z
    .string()
    .regex(/^[a-z0-9, ]{0,200}$/)
    .optional(),
});

type Settings = z.infer<typeof schema>;
type CipherSuite = z.infer<typeof IPMI_FIELDS.cipher_suite_id>;
export type IpmiParameter = keyof Settings;

/** The driver `ipmi`. */
export const ipmi = defineDriver({ name: 'ipmi', switches: 'on-and-off', parameters: schema, connect: openIpmi });

function openIpmi({ settings, secrets, deps: { clock } }: ConnectOptions<typeof schema>): PowerPort {
  const runCommand = async (
    command: readonly string[],
    changesState: boolean,
    signal: AbortSignal,
  ): Promise<PowerOutcome> => {
    const startedAt = clock.now();
    const runWithSuite = async (suite: CipherSuite): Promise<PowerOutcome> => {
      const { args, environment } = ipmitoolInvocation(settings, suite);
      const run = { clock, signal, timeMs: STEP_MS_MAX - (clock.now() - startedAt), environment };
      return judgeIpmitool(await runProgram('ipmitool', [...args, ...command], run), changesState, secrets);
    };
    if (settings.cipher_suite_id !== undefined) return await runWithSuite(settings.cipher_suite_id);
    const answer = await runWithSuite(USUAL_SUITE);
    return isCipherSuiteProblem(answer) ? await runWithSuite(NEWER_SUITE) : answer;
  };
  const { host, port } = splitAddress(settings.power_address);
  const bootType = settings.power_boot_type === 'efi' ? ['options=efiboot'] : [];
  return {
    controller: `ipmi ${host.toLowerCase()}:${port}`,
    on: (signal) => runCommand(['chassis', 'power', 'on'], true, signal),
    off: (manner, signal) => runCommand(['chassis', 'power', offCommand(manner, settings)], true, signal),
    query: (signal) => runCommand(['chassis', 'power', 'status'], false, signal),
    // For the next start only (IPMI v2.0 §28.12); later starts keep the boot order.
    netboot: (signal) => runCommand(['chassis', 'bootdev', 'pxe', ...bootType], true, signal),
  };
}

const offCommand = (manner: OffManner, settings: Settings): string =>
  manner === 'hard' || settings.power_off_mode === 'hard' ? 'off' : 'soft';

export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(address);
  const named = /^([^:]+)(?::(\d+))?$/.exec(address);
  const [, host = address, port] = bracketed ?? named ?? [];
  return { host, port: port === undefined ? DEFAULT_PORT : Number(port) };
}

/**
 * Builds ipmitool's arguments, which every user can see, and its environment, which only its owner
 * can see.
 */
export function ipmitoolInvocation(
  settings: Settings,
  suite: CipherSuite,
): {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
} {
  const { host, port } = splitAddress(settings.power_address);
  const isIpmi2 = settings.power_driver === 'LAN_2_0';
  const level = settings.privilege_level === 'ADMIN' ? 'ADMINISTRATOR' : settings.privilege_level;
  const args = [
    // Without -v a wrong password and an absent BMC give the same words.
    '-v',
    '-I',
    isIpmi2 ? 'lanplus' : 'lan',
    '-H',
    host,
    '-p',
    String(port),
    '-U',
    settings.power_user ?? '',
    '-E',
    '-L',
    level,
    '-N',
    String(ANSWER_SECONDS),
    '-R',
    String(TRIES),
    ...(isIpmi2 ? ['-C', suite] : []),
    ...(isIpmi2 && settings.k_g !== undefined ? ['-K'] : []),
  ];
  const environment = {
    IPMI_PASSWORD: settings.power_pass ?? '',
    ...(isIpmi2 && settings.k_g !== undefined ? { IPMI_KGKEY: settings.k_g } : {}),
  };
  return { args, environment };
}

/** Verbose messages without meaning, and consequences of an error that another line names. */
const NOISE = [
  /^Loading IANA PEN Registry/,
  /^IANA PEN registry open failed/,
  /^Running Get (VSO|PICMG)/,
  /^Discovered IPMB address/,
  /^Get HPM\.x Capabilities request failed/,
  /^Invalid completion code received/,
  /^No valid response received/,
  /^Get Device ID command failed/,
  /^(Failed to )?Close Session/,
  /^IPMI LAN send command failed/,
];

/**
 * ipmitool's errors (`lanplus.c`, `lan.c`, `ipmi_strings.c`, `ipmi_chassis.c` of 1.8.18 and
 * 1.8.19), the specific before the general. The first output line that matches a row counts, with
 * its first matching row. Later lines are its consequences: a lost RAKP 1 message counts as no
 * answer, although ipmitool then reports another error. `lostKind`: the request may have been
 * carried out.
 */
const COMPLAINTS: readonly (readonly [RegExp, PowerOutcome['kind'] | 'lost', Complaint?])[] = [
  // Before a session: ipmitool itself, and the network.
  [/^Address lookup for /, 'unreachable', 'unknown-name'],
  [/^Unsupported cipher suite ID|does not support IPMI v2/, 'refused', 'unknown-cipher-suite'],
  [
    /^lanplus: password is longer|^ERROR: user name too long|^Invalid parameter given|^Invalid privilege level/,
    'refused',
  ],
  [/^Could not open socket|^connect: |^Connect to .* failed|no response from/, 'unreachable', 'no-answer'],
  // The login: RMCP+ and RAKP (IPMI v2.0 §13.24, table 13-15), and IPMI 1.5 (§22.15 to §22.18).
  [/unauthorized name|invalid name length|^Invalid user name|NULL user name/, 'wrong-credentials', 'no-such-user'],
  [/invalid role|unauthorized role/, 'wrong-credentials', 'wrong-privilege-level'],
  [/insufficient resources|\bslot available/, 'refused', 'sessions-taken'],
  [
    /invalid (?:authentication|integrity|confidentiality) algorithm|no matching |algorithm .* is not what we requested/,
    'refused',
    'unknown-cipher-suite',
  ],
  [/^Authentication type .* not supported|^No supported authtypes/, 'refused', 'unknown-cipher-suite'],
  [/RAKP 2 HMAC is invalid/, 'wrong-credentials', 'wrong-password'],
  [/unauthorized GUID|invalid integrity check value/, 'wrong-credentials', 'wrong-password-or-key'],
  // The request to open a session names a role and a cipher suite, nothing else (§13.17).
  [/^Error in open session response/, 'refused', 'unknown-cipher-suite'],
  [/^RAKP [24] message indicates/, 'refused'],
  [/^(?:Get Auth Capabilities|Get Session Challenge).*: /, 'refused'],
  [/^(?:Get Auth Capabilities|Get Session Challenge|Error issuing Get Channel)/, 'unreachable', 'no-answer'],
  // A BMC ignores a request with a wrong authentication code.
  [/^Activate Session command failed/, 'wrong-credentials', 'wrong-password'],
  [/^Activate Session error:.*(?:privilege level|User has no rights)/, 'wrong-credentials', 'wrong-privilege-level'],
  [/^Activate Session error:|^Invalid Session AuthType/, 'refused'],
  // 80h and 81h: the level is not available to this user, or above the limit of user or channel (§22.18).
  [
    /^Set Session Privilege Level to .* failed: (?:Unknown \(0x8[01]\)|Insufficient privilege level)/,
    'wrong-credentials',
    'wrong-privilege-level',
  ],
  [/^Set Session Privilege Level to .* failed: /, 'refused'],
  [/^Set Session Privilege Level/, 'unreachable', 'stopped-answering'],
  // Within a session: no answer, or a completion code (§5.2). C3h, CEh and CFh say that the answer
  // is missing, not that nothing was done.
  [/^Unable to (?:set|get) Chassis Power|^Error (?:setting|getting) Chassis Boot/, 'lost'],
  [/ failed: (?:Timeout|Command response could not be provided|Cannot execute duplicated request)/, 'lost'],
  [/ failed: Insufficient privilege level/, 'refused', 'may-not-switch'],
  [/ failed: /, 'refused'],
  [/^Error: Unable to establish/, 'unreachable', 'no-session'],
];

/**
 * The searched beginning of a line, in characters: the time of these expressions grows with the
 * square of a line's length.
 */
const LINE_CHARACTERS_MAX = 512;
/** The searched lines; ipmitool prints its errors first. */
const LINES_MAX = 64;

/** @param changesState false for a query */
export function judgeIpmitool(end: ProgramEnd, changesState: boolean, secrets: readonly string[]): PowerOutcome {
  const program = 'ipmitool';
  const lines = programOutput(end)
    .split('\n')
    .filter((line) => !NOISE.some((noise) => noise.test(line)));
  const complaint = cleanWords(lines.join('\n'), secrets);
  const lostKind = changesState ? 'unknown' : 'unreachable';
  if (!endedByItself(end)) return judgeEnd(program, end, complaint, lostKind);
  if (end.code === 0) {
    const state = /^Chassis Power is (on|off)\s*$/m.exec(end.out)?.[1];
    if (!changesState && state === undefined)
      return outcome('unknown', { code: 'no-state', params: { said: complaint } });
    return outcome(
      'done',
      { code: 'acknowledged', params: { said: complaint } },
      state === 'on' || state === 'off' ? state : 'unknown',
    );
  }
  const [, kind, meaning] = findComplaint(lines) ?? [undefined, 'unknown' as const];
  return outcome(kind === 'lost' ? lostKind : kind, programFailure(program, end.code, complaint, meaning));
}

const isCipherSuiteProblem = ({ detail }: PowerOutcome): boolean =>
  detail.code === 'complaint' && detail.params.meaning === 'unknown-cipher-suite';

function findComplaint(lines: readonly string[]): (typeof COMPLAINTS)[number] | undefined {
  for (const line of lines.slice(0, LINES_MAX)) {
    const text = line.slice(0, LINE_CHARACTERS_MAX);
    const complaint = COMPLAINTS.find(([pattern]) => pattern.test(text));
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}
