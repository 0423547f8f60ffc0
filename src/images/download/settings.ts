// The times and bounds of downloads.

/** An HTTP proxy, as `http_proxy`, `https_proxy` and `no_proxy` name it. */
export interface ProxySettings {
  /** The proxy for http URLs; undefined: none. */
  readonly http: string | undefined;
  /** The proxy for https URLs, by CONNECT; undefined: none. */
  readonly https: string | undefined;
  /** Hosts without a proxy: names, `.domain`, addresses, separated by commas. */
  readonly except: string | undefined;
}

export interface DownloadSettings {
  /** The most files downloaded from one host at a time. */
  readonly filesOfHostMax: number;
  /** The bandwidth of all downloads together, in bytes per second; undefined: unlimited. */
  readonly bytesPerSecondMax: number | undefined;
  readonly proxy: ProxySettings;
  /** PEM certificates of the trusted authorities; undefined: Node's, and the system's if those do not suffice. */
  readonly authorities?: readonly string[] | undefined;
  /** A connection must be established within this time, in milliseconds. */
  readonly connectMs: number;
  /** The header of the answer must then follow within this time, in milliseconds. */
  readonly answerMs: number;
  /** The longest silence in a body, in milliseconds; a longer one ends the attempt. */
  readonly stallMs: number;
  /** The slowest accepted body: an attempt ends if fewer bytes per second arrive over `slowMs` milliseconds. */
  readonly bytesPerSecondMin: number;
  readonly slowMs: number;
  /** The longest time that this host reads one document, in milliseconds. A file has no such bound: an image may be large. */
  readonly documentMsMax: number;
  /** The pause after the first round of attempts without progress; each further one takes twice as long, up to `pauseMsMax`. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
  /** Rounds without progress after which a download fails; a round tries every source once. */
  readonly roundsMax: number;
}

export const NO_PROXY: ProxySettings = { http: undefined, https: undefined, except: undefined };

export const DEFAULT_SETTINGS: DownloadSettings = {
  filesOfHostMax: 2,
  bytesPerSecondMax: undefined,
  proxy: NO_PROXY,
  connectMs: 15_000,
  answerMs: 30_000,
  stallMs: 30_000,
  // Slower than a modem: at this rate an image of 500 MB takes more than a day.
  bytesPerSecondMin: 4096,
  slowMs: 120_000,
  // Enough for 12 MB, the largest known document, at 20 kB a second.
  documentMsMax: 600_000,
  pauseMs: 1000,
  pauseMsMax: 60_000,
  roundsMax: 8,
};

const OWN_HOST = 'localhost,127.0.0.1';

/** The proxy that the environment names; if it names none, the site's. @param httpProxy the site's proxy; empty: none */
export function proxyOf(httpProxy: string, environment: Readonly<Record<string, string | undefined>>): ProxySettings {
  const own = proxyOfEnvironment(environment);
  if (httpProxy === '' || own.http !== undefined || own.https !== undefined) return own;
  return { http: httpProxy, https: httpProxy, except: own.except ?? OWN_HOST };
}

/** The proxy from the environment. Lower-case names take precedence, as in curl. */
export function proxyOfEnvironment(environment: Readonly<Record<string, string | undefined>>): ProxySettings {
  const value = (name: string): string | undefined => environment[name] || environment[name.toUpperCase()] || undefined;
  return { http: value('http_proxy'), https: value('https_proxy'), except: value('no_proxy') };
}
