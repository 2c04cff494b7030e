// The script of a media type "Webhook" in Zabbix 5.4 or later. All its parameters but url and token are passed on.
var parameters = JSON.parse(value);
var request = new HttpRequest();
request.addHeader('Content-Type: application/json');
request.addHeader('X-Auth-Token: ' + parameters.token);
var url = parameters.url + '/v1/formats/zabbix/events';
delete parameters.token;
delete parameters.url;
var answer = request.post(url, JSON.stringify(parameters));
if (request.getStatus() !== 200) {
    // Zabbix tries again what has failed.
    throw 'NFVigil answered ' + request.getStatus() + ': ' + answer;
}
return 'OK';
