// Which of the commands that the documents show are not run where their pages are tested, why, and what tests them instead. All of
// `rackboot` are held against the real command line, run or not.

/** A test with the effect of a command. */
interface Cover {
  /** Below `test`. */
  readonly file: string;
  /** Stands there as long as the test does it: a file alone stays when the test is taken out of it. */
  readonly text: string;
}

interface NotRun {
  /** Matches the command from its beginning. */
  readonly pattern: RegExp;
  readonly why: string;
  /** The test that covers it; undefined: none does. */
  readonly coveredBy?: Cover;
}

const PACKAGES = 'it fetches packages, for a minute or more';
const OF_THIS_HOST = 'it installs on this host';

const cover = (file: string, text: string): Cover => ({ file, text });
/** The page's own commands, taken word for word on a bare Debian. */
const FIRST_STEPS = cover('long/from-nothing.test.ts', 'await takeFirstSteps(');

export const NOT_RUN: readonly NotRun[] = [
  {
    pattern: /^(sudo install -d .* && )?git clone /,
    why: 'it fetches the checkout that the test itself is in',
    coveredBy: cover('support/first-steps.ts', 'await root.run(fetchStep())'),
  },
  {
    pattern: /^sudo apt-get update && sudo apt-get install git nodejs npm$/,
    why: OF_THIS_HOST,
    coveredBy: cover('support/bare-clone.ts', "BARE_PACKAGES: readonly string[] = ['nodejs', 'npm', "),
  },
  { pattern: /^sudo apt-get update /, why: PACKAGES, coveredBy: FIRST_STEPS },
  {
    pattern: /^npm ci && npm start$/,
    why: 'it replaces the packages that the test itself runs on',
    coveredBy: cover('support/bare-clone.ts', 'cd rackboot && exec npm start'),
  },
  {
    pattern: /^npm ci && npm test$/,
    why: 'it replaces the packages that the test itself runs on',
    coveredBy: cover('long/from-nothing.test.ts', 'cd rackboot && npm test'),
  },
  { pattern: /^npm ci/, why: 'it replaces the packages that the test itself runs on', coveredBy: FIRST_STEPS },
  {
    pattern: /^sudo npm start -- --vm$/,
    why: 'it fetches packages and runs QEMU, for minutes',
    coveredBy: cover(
      'long/lab-vm.test.ts',
      'boots it until the region lists it as New, prints each step, and leaves nothing behind',
    ),
  },
  {
    pattern: /^(printf .* \| sudo install|sudo ln -sf rackboot) .*\/usr\/local\/bin\/maas/,
    why: OF_THIS_HOST,
    coveredBy: cover('e2e/seeds.test.ts', 'installMaasWrapper(join(place, '),
  },
  {
    pattern: /^sudo ln -sf .*\blocal\/bin\b/,
    why: OF_THIS_HOST,
    coveredBy: FIRST_STEPS,
  },
  {
    pattern: /^sudo install -m 644 systemd\/rackboot-region\.service /,
    why: OF_THIS_HOST,
    coveredBy: cover('long/outgrowing.test.ts', "runShown('sudo install -m 644 systemd/rackboot-region.service')"),
  },
  {
    pattern: /^sudo (useradd --system|install -d (-o rackboot .*)?-m 7\d\d|chown -R rackboot:) /,
    why: 'it makes a user of this host, and directories of that user',
    coveredBy: cover('e2e/without-systemd.test.ts', 'for (const command of commandsOf(block)'),
  },
  {
    pattern: /^sudo rackboot machines add /,
    why: 'it would add a machine to the lists of the page',
    coveredBy: cover('e2e/region-apart.test.ts', 'an operator adds a machine by its addresses, once'),
  },
  {
    pattern: /^sudo -u postgres (createuser|createdb|psql) /,
    why: 'it makes a user or a database of a server that only its test has',
    coveredBy: cover('long/outgrowing.test.ts', "runShown('sudo -u postgres createuser', [DATABASE_PASSWORD, "),
  },
  {
    pattern: /^sudo (install -g rackboot|bash -c 'read) .*\/etc\/rackboot\/database-password/,
    why: 'it writes the password of a database that only its test has',
    coveredBy: cover('long/outgrowing.test.ts', "runShown('sudo install -g rackboot')"),
  },
  {
    pattern: /^(sudo )?systemctl .*\brackboot-region$/,
    why: 'it needs an init',
    coveredBy: cover(
      'cases/systemd-service.ts',
      'a separate region runs alongside the rack, with fewer rights, and stops',
    ),
  },
  {
    pattern: /^sudo install .*\bsystemd\b/,
    why: OF_THIS_HOST,
    coveredBy: cover(
      'cases/systemd-service.ts',
      "run('install', '-m', '644', join('/usr/lib/rackboot/systemd', name), path)",
    ),
  },
  {
    pattern: /^sudo apt-get install (ipmitool|libvirt-clients)\b/,
    why: OF_THIS_HOST,
    coveredBy: cover('power/programs.test.ts', 'names the package of every program'),
  },
  {
    pattern: /^sudo apt-get install mmdebstrap /,
    why: OF_THIS_HOST,
    coveredBy: cover('images/needed-programs.test.ts', "'sudo apt-get install mmdebstrap fdisk mtools e2fsprogs'"),
  },
  {
    pattern: /^sudo apt-get install nftables$/,
    why: OF_THIS_HOST,
    coveredBy: cover('support/needs.ts', "nft: 'nftables'"),
  },
  {
    pattern: /^sudo systemd-sysusers/,
    why: 'it makes a user of this host',
    coveredBy: cover('cases/systemd-service.ts', "run('systemd-sysusers')"),
  },
  {
    pattern: /^sudo systemctl enable nftables/,
    why: 'it changes the packet filter of this host',
    coveredBy: cover('e2e/router.test.ts', "execFileSync('nft', ['-f', file]"),
  },
  {
    pattern: /^sudo nft --check /,
    why: 'this host has no such file',
    coveredBy: cover('e2e/firewall.test.ts', "execFileSync('nft', ['-f', file]"),
  },
  {
    pattern: /^sudo rackboot restore /,
    why: 'it restores over the state of this host',
    coveredBy: cover('e2e/backup.test.ts', "runRackboot(['restore', backup, '--state-only'"),
  },
  {
    pattern: /^sudo rackboot createadmin --username ann$/,
    why: 'it asks a person',
    coveredBy: cover('cases/rack-commands.ts', 'createadmin reads its password where no other user sees it'),
  },
  {
    pattern: /^(sudo )?systemctl (daemon-reload|enable|restart|start|stop|reload|disable|status)\b/,
    why: 'it needs an init',
    coveredBy: cover('cases/systemd-service.ts', "run('systemctl', 'enable', '--now', UNIT)"),
  },
  {
    pattern: /^sudo rackboot region copy /,
    why: 'the region of the laboratory runs, and has no PostgreSQL',
    coveredBy: cover('long/outgrowing.test.ts', "runShown('sudo rackboot region copy')"),
  },
  {
    pattern: /^sudo rackboot region backup /,
    why: 'the laboratory has no region apart from its rack',
    coveredBy: cover('long/outgrowing.test.ts', "runShown('sudo rackboot region backup')"),
  },
  {
    pattern: /^sudo rackboot region restore /,
    why: 'the laboratory has no region apart from its rack',
    coveredBy: cover('long/outgrowing.test.ts', "runShown('sudo rackboot region restore')"),
  },
  {
    pattern: /^sudo rackboot region check /,
    why: 'the laboratory has no region apart from its rack',
    coveredBy: cover('long/outgrowing.test.ts', "runShown('sudo rackboot region check')"),
  },
  {
    pattern: /^sudo rackboot createadmin .*region\.yaml$/,
    why: 'it asks for a password on the terminal',
    coveredBy: cover('long/outgrowing.test.ts', "runShown('sudo rackboot createadmin', [PASSWORD, PASSWORD])"),
  },
  { pattern: /^sudo journalctl /, why: 'it needs the journal of an init' },
  { pattern: /^cd \/opt\/rackboot && git (log|switch) /, why: 'the laboratory has no checkout' },
  { pattern: /^git pull /, why: 'it fetches what is newer than the test itself' },
  { pattern: /^sudo rm -rf node_modules && npm ci$/, why: 'it replaces the packages that the test itself runs on' },
  {
    pattern: /^sudo rm /,
    why: 'it removes from this host',
    coveredBy: cover('documents/removal.test.ts', 'the removal removes every file, directory and user'),
  },
  {
    pattern: /^sudo -u rackboot /,
    why: 'it needs the user of the service',
    coveredBy: cover('documents/going-back.test.ts', 'restoring the copy of an update drops'),
  },
  {
    pattern: /^echo net\.ipv4\.ip_forward/,
    why: 'it changes this host',
    coveredBy: cover('e2e/router.test.ts', "execFileSync('sysctl', ['-q', '-w', setting])"),
  },
  { pattern: /^sudo chown /, why: 'it needs the user of the service' },
  {
    pattern: /^sudo rackboot init --yes .* && /,
    why: PACKAGES,
    coveredBy: cover('cases/init-command.ts', 'with --yes it proposes a network for the only interface'),
  },
  {
    pattern: /^sudo rackboot images build\b/,
    why: PACKAGES,
    coveredBy: cover('long/environment.test.ts', 'await buildEnvironment('),
  },
  {
    pattern: /^sudo rackboot images make-debian\b/,
    why: PACKAGES,
    coveredBy: cover('support/debian-image.ts', 'await makeDebianImage('),
  },
  {
    pattern: /^sudo rackboot images (?:import (?:ubuntu|debian)|available|check-sources|mirror|key)\b/,
    why: 'it asks sites of the Internet',
    coveredBy: cover(
      'cases/image-imports.ts',
      'an image of a simplestream is imported by its name, converted, and downloaded once',
    ),
  },
  {
    pattern: /^sudo rackboot images import (?:centos|bootloader)\//,
    why: 'it asks sites of the Internet',
    coveredBy: cover('cases/stream-imports.ts', 'a boot loader is unpacked into its directory'),
  },
  {
    pattern: /^sudo rackboot images (?:export|import \.)/,
    why: 'the laboratory has none of these systems',
    coveredBy: cover('cases/image-imports.ts', 'goes to a host without the Internet in one file'),
  },
  {
    pattern: /^sudo rackboot images remove (?:ubuntu|bootloader\/|installer\/)/,
    why: 'the laboratory has none of these images',
    coveredBy: cover('cli/images/remove.test.ts', "['bootloader/pxe', 'bootloader/pxe/amd64/generic/stable/20261029'"),
  },
  {
    pattern: /^sudo rackboot images sources (?:(?:add|set) .* --key(?:ring|s) |remove )/,
    why: 'this host lacks the files with the keys of these sites',
    coveredBy: cover('cases/region-imports.ts', "await fine('sources', 'remove', 'http://other.example/')"),
  },
  { pattern: /^scp /, why: 'there is no other host' },
  {
    pattern: /^sudo rackboot images import installer\//,
    why: 'it asks a mirror of the Internet',
    coveredBy: cover('e2e/installer-import.test.ts', 'comes from a mirror by its name, for each architecture'),
  },
  {
    pattern: /^(?:sudo )?rackboot images upload /,
    why: 'the laboratory has neither the region elsewhere nor these images',
    coveredBy: cover('cases/image-uploads.ts', 'by URL and key, from where it was when the daemon was killed'),
  },
  {
    pattern: /^sudo rackboot images import-installer$/,
    why: PACKAGES,
    coveredBy: cover('long/first-boot-installer.test.ts', "content: 'amd64-installer'"),
  },
  {
    pattern: /^sudo rackboot createadmin --username admin && /,
    why: 'it asks a person, and stays in the foreground',
    coveredBy: cover('cases/rack-commands.ts', 'createadmin reads its password where no other user sees it'),
  },
  {
    pattern: /^sudo rackboot power set \S+ ipmi /,
    why: 'it needs a BMC',
    coveredBy: cover('e2e/power-life.test.ts', "'ipmi',"),
  },
  {
    pattern: /^sudo rackboot power check qemu/,
    why: 'it needs a hypervisor',
    coveredBy: cover('e2e/power-virsh.test.ts', 'a host is reached over SSH with our own key'),
  },
  {
    pattern: /^sudo rackboot machines (rescue|exit-rescue) /,
    why: 'a simulated machine opens no login',
    coveredBy: cover('cases/machine-logins.ts', '?op=exit_rescue_mode'),
  },
  {
    pattern: /^sudo rackboot machines deploy .* --by installer/,
    why: 'it needs an installer',
    coveredBy: cover('long/cloud-init.test.ts', "'--by', 'installer', '--user-data'"),
  },
  {
    pattern: /^sudo rackboot machines (merge|split|keep-apart) /,
    why: 'it needs a second machine',
    coveredBy: cover('e2e/identity.test.ts', 'machines are merged and split by command'),
  },
  {
    pattern: /^sudo rackboot machines (move|show) web-7\b/,
    why: 'it needs a second rack',
    coveredBy: cover('e2e/rack-key.test.ts', "run('machines', 'move', name, 'far')"),
  },
  {
    pattern: /^sudo rackboot racks (accept|reject|remove) /,
    why: 'it needs a second rack',
    coveredBy: cover('e2e/region-racks.test.ts', "rackboot('racks', 'reject', OTHER_UUID)"),
  },
  {
    pattern: /^sudo rackboot init --region /,
    why: 'it makes a second rack',
    coveredBy: cover(
      'cli/config/init-proposal.test.ts',
      'the next steps of a rack with a remote region make no account',
    ),
  },
  { pattern: /^(printf .* \| sudo tee \/etc\/sysctl\.d\/|sudo sysctl )/, why: 'it changes the kernel of this host' },
  {
    pattern: /^sudo rackboot outbox\b/,
    why: 'it needs a region elsewhere',
    coveredBy: cover('e2e/remote-region.test.ts', "outbox('--dead')"),
  },
  {
    pattern: /^ssh /,
    why: 'a simulated machine opens no login',
    coveredBy: cover('support/life-systems.ts', 'life.ssh(owner'),
  },
  { pattern: /^sudo tcpdump /, why: 'it stays in the foreground; the laboratory captures in the same way' },
];

/** A command that continues until Ctrl-C. */
interface GoesOn {
  readonly pattern: RegExp;
  /** The line by which it is seen to have begun well. */
  readonly begins: RegExp;
  /** It needs the checkout's package.json. */
  readonly inCheckout: boolean;
  /** How long it is listened to once it has begun, in milliseconds. */
  readonly listenMs: number;
  /** It may also end without a signal; its exit status then counts. */
  readonly mayEnd: boolean;
}

const GO_ON: readonly GoesOn[] = [
  {
    pattern: /^(sudo )?npm start\b/,
    begins: /\blab +The region answers at http:/,
    inCheckout: true,
    listenMs: 500,
    mayEnd: false,
  },
  // The last run of scripts is shown to its end.
  {
    pattern: /\bscripts results .*--follow\b/,
    begins: /^(?!rackboot: )\S/m,
    inCheckout: false,
    listenMs: 3000,
    mayEnd: true,
  },
  { pattern: /^curl .*text\/event-stream/, begins: /^(?:event:|:)/m, inCheckout: false, listenMs: 3000, mayEnd: false },
  { pattern: /\s--follow\b/, begins: /^(?!rackboot: )\S/m, inCheckout: false, listenMs: 3000, mayEnd: false },
];

/** The expectation for a command that continues; undefined: it ends without a signal. */
export function goesOn(command: string): GoesOn | undefined {
  return GO_ON.find(({ pattern }) => pattern.test(command));
}

/** Exit statuses of a program that SIGINT ended: orderly, as a shell reports it, and killed. */
const INTERRUPTED: readonly (number | null)[] = [0, 130, null];

/**
 * The exit status that counts: 0 for a command that continues only if it began as expected, and continued until it was interrupted.
 * @param wasInterrupted it was sent SIGINT
 */
export function statusThatCounts(
  command: string,
  code: number | null,
  text: string,
  wasInterrupted: boolean,
): number | null {
  const going = goesOn(command);
  if (going === undefined) return code;
  if (!wasInterrupted) return going.mayEnd ? code : code || 1;
  return going.begins.test(text) && INTERRUPTED.includes(code) ? 0 : code || 1;
}

/** Why a command is not run; undefined: it is. */
export function notRun(command: string): NotRun | undefined {
  return NOT_RUN.find(({ pattern }) => pattern.test(command));
}
