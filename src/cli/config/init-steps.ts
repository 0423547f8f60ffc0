// What `rackboot init` ends with: the commands that come next. Pure.

/** What they depend on. */
export interface InitPlace {
  /** The configuration that was written. */
  readonly file: string;
  /** It is the one that commands and the service read unless they are told otherwise. */
  readonly isDefaultFile: boolean;
  readonly tree: string;
  readonly pageUrl: string;
  /** The unit of the service is installed. */
  readonly hasUnit: boolean;
  readonly isRoot: boolean;
  /** The region is elsewhere, and knows this rack by this name; undefined: it is here. */
  readonly remote?: { readonly url: string; readonly rack: string } | undefined;
}

const INSTALL = 'docs/first-machine.md, "Install the rack"';

/** The lines, each command with what it is for. */
export function nextSteps({
  file,
  isDefaultFile,
  tree,
  pageUrl,
  hasUnit,
  isRoot,
  remote,
}: InitPlace): readonly string[] {
  const sudo = isRoot ? 'sudo ' : '';
  const which = isDefaultFile ? '' : ` --config ${file}`;
  const start =
    hasUnit && isDefaultFile
      ? ([`${sudo}systemctl enable --now rackboot`, 'starts the service, now and with this host'] as const)
      : ([`${sudo}rackboot run${which}`, `starts the rack, until Ctrl-C; as a service: ${INSTALL}`] as const);
  const steps: readonly (readonly [command: string, what: string])[] = [
    [`${sudo}rackboot images build${which}`, `makes what machines load, in ${tree}`],
    ...(remote === undefined
      ? ([[`${sudo}rackboot createadmin --username admin${which}`, `makes who may sign in at ${pageUrl}`]] as const)
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
    [`${sudo}rackboot doctor${which}`, 'then asks the rack what a machine would ask'],
  ];
  const width = Math.max(...steps.map(([command]) => command.length));
  return ['Next:', ...steps.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`)];
}
