// An OpenID provider on the loopback address, for the tests: oidc-provider, with two people and two clients.
// One argument: JSON with `port` (0: any), the clients' ids (`pages`, `tool`), and of the pages the redirect address,
// the secret, and the method by which it is shown (`auth`).
// It writes one line, {"issuer": ...}, once it listens, and ends with its standard input.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const given = JSON.parse(process.argv[2]);
const people = {
  'inv-0001': { name: 'Ana Ferrer', org: 'FJD', groups: ['balmys-investigators'], sites: [] },
  'stat-0001': { name: 'Elena Prado', org: 'FJD', groups: ['balmys-statisticians'] },
  both: { name: 'Two Hats', org: 'FJD', groups: ['balmys-investigators', 'balmys-statisticians'] },
};
// Keys are made anew at each start, so that a start on the same port is a rotation of them.
const jwk = (type, options, more) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
  kid: randomBytes(8).toString('hex'),
  use: 'sig',
  ...more,
});
const keys = [
  jwk('rsa', { modulusLength: 2048 }, {}),
  jwk('ec', { namedCurve: 'P-256' }, { alg: 'ES256' }),
];

const server = createServer();
server.listen(given.port, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    clients: [
      {
        client_id: given.pages,
        client_secret: given.secret,
        redirect_uris: [given.redirect],
        grant_types: ['authorization_code'],
        id_token_signed_response_alg: 'ES256',
        token_endpoint_auth_method: given.auth,
      },
      {
        client_id: given.tool,
        redirect_uris: [`${issuer}/tool`],
        grant_types: ['authorization_code'],
        token_endpoint_auth_method: 'none',
        application_type: 'native',
      },
    ],
    claims: { openid: ['sub'], profile: ['name', 'org', 'groups', 'sites'] },
    conformIdTokenClaims: false,
    findAccount: (_, id) => people[id] && ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    extraTokenClaims: (_, token) => people[token.accountId],
    clientAuthMethods: [given.auth, 'none'],
    pkce: { required: () => true, methods: ['S256'] },
    features: {
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({
          scope: 'openid profile',
          audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  server.on('request', provider.callback());
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
