// The end of `rackboot init`: the commands to run next. Pure.

/** The facts on which the next commands depend. */
export interface InitPlace {
  /** The file that `init` wrote. */
  readonly file: string;
  /** True if commands and the service read this file by default. */
  readonly isDefaultFile: boolean;
  readonly tree: string;
  readonly pageUrl: string;
  /** True if the service's unit is installed. */
  readonly hasUnit: boolean;
  readonly isRoot: boolean;
  /** The command that runs this installation here: `rackboot`, or `node bin/rackboot.js`. */
  readonly program: string;
  /** The remote region, and the rack's name there; undefined: the rack has its own region. */
  readonly remote?: { readonly url: string; readonly rack: string } | undefined;
}

const INSTALL = 'docs/first-machine.md, "Install the rack"';

/** The lines, each a command and its purpose. */
export function nextSteps({
  file,
  isDefaultFile,
  tree,
  pageUrl,
  hasUnit,
  isRoot,
  program,
  remote,
}: InitPlace): readonly string[] {
  const sudo = isRoot ? 'sudo ' : '';
  const which = isDefaultFile ? '' : ` --config ${file}`;
  const own = (words: string): string => `${sudo}${program} ${words}${which}`;
  const start =
    hasUnit && isDefaultFile
      ? ([`${sudo}systemctl enable --now rackboot`, 'starts the service now and at each boot'] as const)
      : ([own('run'), `starts the rack, until Ctrl-C; as a service: ${INSTALL}`] as const);
  const steps: readonly (readonly [command: string, what: string])[] = [
    [own('images build'), `builds the files that machines load, in ${tree}`],
    ...(remote === undefined
      ? ([[own('createadmin --username admin'), `creates the account for ${pageUrl}`]] as const)
      : []),
    start,
    ...(remote === undefined
      ? []
      : ([
          [
            `${sudo}rackboot racks accept ${remote.rack}`,
            `on the host of ${remote.url}: lets this rack serve machines`,
          ],
        ] as const)),
    [own('doctor'), 'then checks the rack as a machine would see it'],
  ];
  const width = Math.max(...steps.map(([command]) => command.length));
  return ['Next:', ...steps.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`)];
}
