// `npm start --machines 4`: npm keeps every option before `--` for itself and passes the rest on. Pure.

/** The options of `npm start`, and whether each takes a value. */
const OPTIONS: readonly (readonly [name: string, hasValue: boolean])[] = [
  ['machines', true],
  ['racks', true],
  ['vm', false],
];

/**
 * The hint for a person who left out npm's `--`; undefined: it is not missing.
 * @param args the words of the command line @param environment holds the options that npm kept
 */
export function forgottenDashes(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const [command, ...rest] = args;
  if (command !== 'lab' || environment.npm_lifecycle_event !== 'start') return undefined;
  const kept = OPTIONS.filter(([name]) => environment[`npm_config_${name}`] !== undefined);
  if (kept.length === 0) return undefined;
  const values = rest.filter((word) => !word.startsWith('-'));
  const words = kept.map(([name, hasValue]) => {
    const value = environment[`npm_config_${name}`] ?? '';
    return hasValue ? `--${name} ${/^\d+$/.test(value) ? value : (values.shift() ?? 'N')}` : `--${name}`;
  });
  const also = rest.filter((word) => word.startsWith('-'));
  const names = kept.map(([name]) => `--${name}`).join(' and ');
  return `rackboot: npm kept ${names} for itself. Put -- before the options: npm start -- ${[...words, ...also].join(' ')}`;
}
