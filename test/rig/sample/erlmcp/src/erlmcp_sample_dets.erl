%% Owns the open DETS tables, and at the first start writes those that are closed afterwards.
-module(erlmcp_sample_dets).
-behaviour(gen_server).

-export([start_link/0, touch/1, sync/0, call/1]).
-export([init/1, handle_call/3, handle_cast/2, terminate/2]).

-define(AUTO_SAVE_MS, 60000).

start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

-spec touch(pos_integer()) -> ok.
touch(Id) ->
    gen_server:cast(?MODULE, {touch, Id}).

-spec sync() -> ok.
sync() -> call(sync).

call(Request) ->
    gen_server:call(?MODULE, Request, infinity).

init([]) ->
    process_flag(trap_exit, true),
    ok = filelib:ensure_dir(erlmcp_sample_tables:dets_file(any)),
    [open(Spec) || Spec <- erlmcp_sample_tables:dets_open()],
    [write_closed(Spec) || Spec <- erlmcp_sample_tables:dets_closed()],
    {ok, none}.

handle_call(sync, _From, State) ->
    [ok = dets:sync(Table) || Table <- own_tables()],
    {reply, ok, State};
handle_call(digests, _From, State) ->
    Open = [(erlmcp_sample_digest:dets(Table))#{open => true} || Table <- own_tables()],
    Closed = [closed_digest(Spec) || Spec <- erlmcp_sample_tables:dets_closed()],
    {reply, Open ++ Closed, State};
handle_call(witness, _From, State) ->
    Sum = dets:foldl(fun(Row, Acc) -> element(2, Row) + Acc end, 0, prefs),
    {reply, #{rows => dets:info(prefs, size), sum => Sum}, State};
handle_call({change, Table, Change}, _From, State) ->
    {reply, change(Table, Change), State};
handle_call({create, Name, Type, Rows}, _From, State) ->
    {reply, open({Name, Type, 1, Rows}), State};
handle_call({delete, Name}, _From, State) ->
    ok = dets:close(Name),
    {reply, file:delete(erlmcp_sample_tables:dets_file(Name)), State}.

handle_cast({touch, Id}, State) ->
    Rows = max(erlmcp_sample_config:get(dets_rows), 1),
    move(1 + Id rem Rows, 1 + (Id * 31) rem Rows),
    {noreply, State}.

terminate(_Reason, _State) ->
    [dets:close(Table) || Table <- own_tables()],
    ok.

%% Mnesia's own DETS tables are none of ours.
own_tables() ->
    Folder = filename:dirname(erlmcp_sample_tables:dets_file(any)),
    [T || T <- dets:all(), filename:dirname(dets:info(T, filename)) =:= Folder].

open({Name, Type, KeyPos, Rows}) ->
    File = erlmcp_sample_tables:dets_file(Name),
    New = not filelib:is_regular(File),
    Options = [{file, File}, {type, Type}, {keypos, KeyPos}, {auto_save, ?AUTO_SAVE_MS}],
    {ok, Name} = dets:open_file(Name, Options),
    case New of
        true -> fill(Name, lists:seq(1, Rows));
        false -> ok
    end.

write_closed({Name, _, _, _} = Spec) ->
    case filelib:is_regular(erlmcp_sample_tables:dets_file(Name)) of
        true ->
            ok;
        false ->
            ok = open(Spec),
            ok = dets:close(Name)
    end.

closed_digest({Name, Type, KeyPos, _}) ->
    File = erlmcp_sample_tables:dets_file(Name),
    Reader = {fingerprint, Name},
    Options = [{file, File}, {type, Type}, {keypos, KeyPos}, {access, read}],
    case dets:open_file(Reader, Options) of
        {ok, Reader} ->
            Digest = erlmcp_sample_digest:dets(Reader),
            ok = dets:close(Reader),
            Digest#{name => Name, open => false};
        {error, Reason} ->
            #{component => dets, name => Name, open => false, error => Reason}
    end.

fill(_Name, []) ->
    ok;
fill(Name, Ids) ->
    {Batch, Rest} = lists:split(min(1000, length(Ids)), Ids),
    ok = dets:insert(Name, [erlmcp_sample_rows:row(Name, Id, 0) || Id <- Batch]),
    fill(Name, Rest).

%% Keeps the sum of the balances in `prefs`.
move(Same, Same) ->
    ok;
move(From, To) ->
    case {dets:lookup(prefs, From), dets:lookup(prefs, To)} of
        {[A], [B]} ->
            ok = dets:insert(prefs, [
                setelement(2, A, element(2, A) - 1), setelement(2, B, element(2, B) + 1)
            ]);
        _ ->
            ok
    end.

change(Table, {put, Ids, Version}) ->
    Rows = [erlmcp_sample_rows:changed(Table, Id, Version, dets:lookup(Table, Id)) || Id <- Ids],
    ok = dets:insert(Table, Rows),
    length(Rows);
change(Table, {delete, Ids}) ->
    KeyPos = dets:info(Table, keypos),
    Keys = lists:usort([element(KeyPos, erlmcp_sample_rows:row(Table, Id, 0)) || Id <- Ids]),
    [ok = dets:delete(Table, Key) || Key <- Keys],
    length(Keys);
change(Table, last_id) ->
    dets:info(Table, size).
