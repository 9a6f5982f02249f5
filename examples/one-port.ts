/**
 * One port for TLS, HTTP, SSH, PostgreSQL and MySQL: what a client says first tells where it goes, and who says nothing waits for MySQL to speak.
 *
 *   npx millrace run examples/one-port.ts
 *   curl http://127.0.0.1:8443/                                          reaches WEB, and so does whatever else HTTP asks for
 *   openssl s_client -connect 127.0.0.1:8443 -servername git.example     reaches GIT_TLS; every other TLS reaches WEB_TLS
 *   ssh -p 8443 127.0.0.1                                                reaches SSH
 *   psql -h 127.0.0.1 -p 8443                                            reaches POSTGRES
 *   mariadb -h 127.0.0.1 -P 8443                                         reaches MYSQL after 300 ms
 *
 * The first bytes are read natively, however the network has cut them, and go on unchanged; JavaScript sees none of them.
 */
import { close, forward, http, listen, mysql, otherwise, pipe, postgres, route, sni, ssh, tcp, tls, when } from 'millrace'

const { LISTEN = '127.0.0.1:8443', WEB = '127.0.0.1:80', WEB_TLS = '127.0.0.1:443', GIT_TLS = '10.0.0.2:443', SSH = '127.0.0.1:22', POSTGRES = '127.0.0.1:5432', MYSQL = '127.0.0.1:3306' } = process.env

export default pipe(
  listen(tcp(LISTEN)),
  route(
    when(sni('git.example'), forward(tcp(GIT_TLS))),
    when(tls(), forward(tcp(WEB_TLS))),
    when(http(), forward(tcp(WEB))),
    when(ssh(), forward(tcp(SSH))),
    when(postgres(), forward(tcp(POSTGRES))),
    when(mysql(), forward(tcp(MYSQL))),
    otherwise(close()),
  ),
)
