// Which of the commands that the documents show are not run where their pages are tested, and why. All of `rackboot` are held
// against the real command line, run or not.

interface NotRun {
  /** Matches the command from its beginning. */
  readonly pattern: RegExp;
  readonly why: string;
}

const PACKAGES = 'it fetches packages, for a minute or more';
const OF_THIS_HOST = 'it installs on this host';

export const NOT_RUN: readonly NotRun[] = [
  {
    pattern: /^(sudo install -d .* && )?git clone /,
    why: 'it fetches the checkout that the test itself is in',
  },
  {
    pattern: /^sudo apt-get update && sudo apt-get install git nodejs npm$/,
    why: OF_THIS_HOST,
  },
  { pattern: /^sudo apt-get update /, why: PACKAGES },
  {
    pattern: /^npm ci && npm start$/,
    why: 'it replaces the packages that the test itself runs on',
  },
  {
    pattern: /^npm ci && npm test$/,
    why: 'it replaces the packages that the test itself runs on',
  },
  { pattern: /^npm ci/, why: 'it replaces the packages that the test itself runs on' },
  {
    pattern: /^sudo npm start -- --vm$/,
    why: 'it fetches packages and runs QEMU, for minutes',
  },
  {
    pattern: /^(printf .* \| sudo install|sudo ln -sf rackboot) .*\/usr\/local\/bin\/maas/,
    why: OF_THIS_HOST,
  },
  {
    pattern: /^sudo ln -sf .*\blocal\/bin\b/,
    why: OF_THIS_HOST,
  },
  {
    pattern: /^sudo install -m 644 systemd\/rackboot-region\.service /,
    why: OF_THIS_HOST,
  },
  {
    pattern: /^sudo (useradd --system|install -d (-o rackboot .*)?-m 7\d\d|chown -R rackboot:) /,
    why: 'it makes a user of this host, and directories of that user',
  },
  {
    pattern: /^sudo rackboot machines add /,
    why: 'it would add a machine to the lists of the page',
  },
  {
    pattern: /^sudo -u postgres (createuser|createdb|psql) /,
    why: 'it makes a user or a database of a server that only its test has',
  },
  {
    pattern: /^sudo (install -g rackboot|bash -c 'read) .*\/etc\/rackboot\/database-password/,
    why: 'it writes the password of a database that only its test has',
  },
  {
    pattern: /^(sudo )?systemctl .*\brackboot-region$/,
    why: 'it needs an init',
  },
  {
    pattern: /^sudo install .*\bsystemd\b/,
    why: OF_THIS_HOST,
  },
  {
    pattern: /^sudo apt-get install (ipmitool|libvirt-clients)\b/,
    why: OF_THIS_HOST,
  },
  {
    pattern: /^sudo apt-get install mmdebstrap /,
    why: OF_THIS_HOST,
  },
  {
    pattern: /^sudo apt-get install nftables$/,
    why: OF_THIS_HOST,
  },
  {
    pattern: /^sudo systemd-sysusers/,
    why: 'it makes a user of this host',
  },
  {
    pattern: /^sudo systemctl enable nftables/,
    why: 'it changes the packet filter of this host',
  },
  {
    pattern: /^sudo nft --check /,
    why: 'this host has no such file',
  },
  {
    pattern: /^sudo rackboot restore /,
    why: 'it restores over the state of this host',
  },
  {
    pattern: /^sudo rackboot createadmin --username ann$/,
    why: 'it asks a person',
  },
  {
    pattern: /^(sudo )?systemctl (daemon-reload|enable|restart|start|stop|reload|disable|status)\b/,
    why: 'it needs an init',
  },
  {
    pattern: /^sudo rackboot region copy /,
    why: 'the region of the laboratory runs, and has no PostgreSQL',
  },
  {
    pattern: /^sudo rackboot region backup /,
    why: 'the laboratory has no region apart from its rack',
  },
  {
    pattern: /^sudo rackboot region restore /,
    why: 'the laboratory has no region apart from its rack',
  },
  {
    pattern: /^sudo rackboot region check /,
    why: 'the laboratory has no region apart from its rack',
  },
  {
    pattern: /^sudo rackboot createadmin .*region\.yaml$/,
    why: 'it asks for a password on the terminal',
  },
  { pattern: /^sudo journalctl /, why: 'it needs the journal of an init' },
  { pattern: /^cd \/opt\/rackboot && git (log|switch) /, why: 'the laboratory has no checkout' },
  { pattern: /^git pull /, why: 'it fetches what is newer than the test itself' },
  { pattern: /^sudo rm -rf node_modules && npm ci$/, why: 'it replaces the packages that the test itself runs on' },
  {
    pattern: /^sudo rm /,
    why: 'it removes from this host',
  },
  {
    pattern: /^sudo -u rackboot /,
    why: 'it needs the user of the service',
  },
  {
    pattern: /^echo net\.ipv4\.ip_forward/,
    why: 'it changes this host',
  },
  { pattern: /^sudo chown /, why: 'it needs the user of the service' },
  {
    pattern: /^sudo rackboot init --yes .* && /,
    why: PACKAGES,
  },
  {
    pattern: /^sudo rackboot images build\b/,
    why: PACKAGES,
  },
  {
    pattern: /^sudo rackboot images make-debian\b/,
    why: PACKAGES,
  },
  {
    pattern: /^sudo rackboot images (?:import (?:ubuntu|debian)|available|check-sources|mirror|key)\b/,
    why: 'it asks sites of the Internet',
  },
  {
    pattern: /^sudo rackboot images import (?:centos|bootloader)\//,
    why: 'it asks sites of the Internet',
  },
  {
    pattern: /^sudo rackboot images (?:export|import \.)/,
    why: 'the laboratory has none of these systems',
  },
  {
    pattern: /^sudo rackboot images remove (?:ubuntu|bootloader\/|installer\/)/,
    why: 'the laboratory has none of these images',
  },
  {
    pattern: /^sudo rackboot images sources (?:(?:add|set) .* --key(?:ring|s) |remove )/,
    why: 'this host lacks the files with the keys of these sites',
  },
  { pattern: /^scp /, why: 'there is no other host' },
  {
    pattern: /^sudo rackboot images import installer\//,
    why: 'it asks a mirror of the Internet',
  },
  {
    pattern: /^(?:sudo )?rackboot images upload /,
    why: 'the laboratory has neither the region elsewhere nor these images',
  },
  {
    pattern: /^sudo rackboot images import-installer$/,
    why: PACKAGES,
  },
  {
    pattern: /^sudo rackboot createadmin --username admin && /,
    why: 'it asks a person, and stays in the foreground',
  },
  {
    pattern: /^sudo rackboot power set \S+ ipmi /,
    why: 'it needs a BMC',
  },
  {
    pattern: /^sudo rackboot power check qemu/,
    why: 'it needs a hypervisor',
  },
  {
    pattern: /^sudo rackboot machines (rescue|exit-rescue) /,
    why: 'a simulated machine opens no login',
  },
  {
    pattern: /^sudo rackboot machines deploy .* --by installer/,
    why: 'it needs an installer',
  },
  {
    pattern: /^sudo rackboot machines (merge|split|keep-apart) /,
    why: 'it needs a second machine',
  },
  {
    pattern: /^sudo rackboot machines (move|show) web-7\b/,
    why: 'it needs a second rack',
  },
  {
    pattern: /^sudo rackboot racks (accept|reject|remove) /,
    why: 'it needs a second rack',
  },
  {
    pattern: /^sudo rackboot init --region /,
    why: 'it makes a second rack',
  },
  { pattern: /^(printf .* \| sudo tee \/etc\/sysctl\.d\/|sudo sysctl )/, why: 'it changes the kernel of this host' },
  {
    pattern: /^sudo rackboot outbox\b/,
    why: 'it needs a region elsewhere',
  },
  {
    pattern: /^ssh /,
    why: 'a simulated machine opens no login',
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
