// The proxy of commands that download images: that of the environment, else the site's, which the configuration names (`http_proxy`).

import type { RackConfig } from '../../config/rack-config.ts';
import { type ProxySettings, proxyOf } from '../../images/download/settings.ts';

/** The proxy. @param config undefined: there is none */
export const configuredProxy = (config: Pick<RackConfig, 'region'> | undefined): ProxySettings =>
  proxyOf(config?.region.install?.httpProxy ?? '', process.env);
